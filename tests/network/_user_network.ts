/**
 * A user's containers, on a machine with a default route to another host: a
 * store and a state directory of the user's own.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  COMPILED,
  CONTAINER,
  copyRootfs,
  execute,
  type Result,
  TempDir,
  without,
} from "../_harness.ts";
import { Owner } from "../_owner.ts";
import { NetworkNamespace } from "./_namespace.ts";

/** Why users cannot have networks here, or null. */
export const NO_USER_NETWORKS = without("ip") ?? without("setpriv") ??
  without("python3") ??
  // The sources, and Deno itself, can be closed to others.
  (COMPILED ? null : "needs the compiled program");

/** Lets users open the device, as on most machines; in a mount namespace. */
const TUNNEL =
  "mount -t tmpfs none /mnt; mknod -m 666 /mnt/tun c 10 200; mount --bind /mnt/tun /dev/net/tun; umount -l /mnt";

/** A program of the other host: answers each connection with the client's address. */
const ANSWERS = `import socket
s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(("", 80)); s.listen()
print("ready", flush=True)
while True:
  c, a = s.accept(); c.recv(999)
  c.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + a[0].encode() + b"\\n" + b"x" * 100000)
  c.close()`;

/** The address of the other host, behind the default route. */
export const OUTSIDE = "198.51.100.1";

/** A user on this machine, and another host. */
export class UserNetwork implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly #stack = new AsyncDisposableStack();

  private constructor(
    readonly owner: Owner,
    readonly outside: NetworkNamespace,
  ) {}

  static async make(): Promise<UserNetwork> {
    const one = new UserNetwork(
      await Owner.make("user"),
      await NetworkNamespace.make(),
    );
    // That of all tests is closed to users.
    await copyRootfs(one.dir.path);
    await execute(["chown", "-R", `${one.owner.uid}`, one.dir.path]);
    for (
      const line of [
        `link add up0 type veth peer name eth0 netns ${one.outside.pid}`,
        "addr add 192.0.2.1/24 dev up0",
        "link set up0 up",
        "route add default via 192.0.2.2",
      ]
    ) {
      const { status, stderr } = await execute(["ip", ...line.split(" ")]);
      assertEquals(status, 0, `ip ${line}: ${stderr}`);
    }
    for (
      const line of [
        "addr add 192.0.2.2/24 dev eth0",
        `addr add ${OUTSIDE}/32 dev lo`,
        "link set eth0 up",
      ]
    ) await one.outside.does("ip", ...line.split(" "));
    await one.#serve();
    return one;
  }

  async #serve(): Promise<void> {
    const [program = "", ...args] = this.outside.words(
      "python3",
      "-c",
      ANSWERS,
    );
    const server = new Deno.Command(program, { args, stdout: "piped" }).spawn();
    const reader = server.stdout.getReader();
    await reader.read();
    this.#stack.defer(async () => {
      server.kill("SIGKILL");
      await reader.cancel();
      await server.status;
    });
  }

  /** The words of a command of the user. */
  words(...argv: string[]): string[] {
    const at = argv.indexOf("run");
    return [
      ...CONTAINER,
      ...["--root", `${this.dir.path}/state`],
      ...["--store", `${this.dir.path}/store`],
      ...argv.slice(0, at + 1),
      ...at < 0 ? [] : ["--rootfs", `${this.dir.path}/rootfs`],
      ...argv.slice(at + 1),
    ];
  }

  /** Runs words as the user, after a script of root in a mount namespace. */
  as(words: readonly string[], script = TUNNEL): Promise<Result> {
    return execute(
      [
        ...["unshare", "--mount", "sh", "-ec", `${script}\nexec "$@"`, "sh"],
        ...[...this.owner.before, ...words],
      ],
      { env: this.owner.env, cwd: this.dir.path },
    );
  }

  /** Runs a command of the user. */
  call(...argv: string[]): Promise<Result> {
    return this.as(this.words(...argv));
  }

  /** Runs a command that must succeed; returns its output. */
  async does(...argv: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...argv);
    assertEquals(status, 0, `${argv.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** What runs for the networks of this user. */
  processes(): string[] {
    const found: string[] = [];
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const words = Deno.readTextFileSync(`/proc/${name}/cmdline`);
        if (words.includes(`${this.dir.path}/store/networks`)) {
          found.push(words.split("\0")[0]!.replace(/=.*/, ""));
        }
      } catch {
        // It has ended.
      }
    }
    return found.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ids = (await this.does("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length) await this.does("rm", "-f", ...ids);
    assertEquals(this.processes(), []);
    await this.#stack[Symbol.asyncDispose]();
    await this.outside[Symbol.asyncDispose]();
    await execute(["ip", "link", "del", "up0"]);
    await this.owner[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}
