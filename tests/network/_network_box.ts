/** Networks and containers of one test, which are removed at its end. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  CONTAINER,
  container,
  execute,
  type Result,
  rootfs,
  TempDir,
  until,
} from "../_harness.ts";
import { NetworkNamespace } from "./_namespace.ts";

/** A store of networks and a state directory of the test's own. */
export class NetworkBox implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly #own = [
    ...["--root", `${this.dir.path}/state`],
    ...["--store", `${this.dir.path}/store`],
  ];

  constructor() {
    Deno.mkdirSync(`${this.dir.path}/state`, { mode: 0o700 });
  }

  /** The words of a command. */
  words(...argv: string[]): string[] {
    return [...CONTAINER, ...this.#own, ...this.#complete(argv)];
  }

  /** A container's root filesystem is that of all tests. */
  #complete(argv: readonly string[]): string[] {
    const at = argv.indexOf("run");
    return at < 0 || at > 1
      ? [...argv]
      : [...argv.slice(0, at + 1), "--rootfs", rootfs(), ...argv.slice(at + 1)];
  }

  /** Runs a command of the program. */
  call(...argv: string[]): Promise<Result> {
    return container([...this.#own, ...this.#complete(argv)]);
  }

  /** Runs a command that must succeed; returns its output. */
  async does(...argv: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...argv);
    assertEquals(status, 0, `${argv.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Starts a container of the network blue in the background; returns its ID. */
  async detach(name: string, ...flags: string[]): Promise<string> {
    const network = flags.includes("--network") ? [] : ["--network", "blue"];
    const id = await this.does(
      ...["run", "-q", "-d", "--name", name, ...network, ...flags],
      ...["sleep", "1000"],
    );
    return id.trim();
  }

  /** What ip(8) shows of all devices or addresses. */
  async ip(what: "link" | "addr"): Promise<string> {
    const { stdout } = await execute(["ip", what]);
    return stdout;
  }

  /** The addresses that are taken, and the files of names. */
  leases(): Promise<string[]> {
    const found: string[] = [];
    const walk = (path: string) => {
      for (const { name, isDirectory } of Deno.readDirSync(path)) {
        if (isDirectory) walk(`${path}/${name}`);
        else if (/(leases|members|hosts)$/.test(path) && name !== ".lock") {
          found.push(`${path}/${name}`);
        }
      }
    };
    const directory = `${this.dir.path}/store/networks`;
    try {
      walk(directory);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return Promise.resolve(
      found.map((path) => path.slice(directory.length)).filter((path) =>
        path.includes("/leases/")
      ),
    );
  }

  /** Another host on a cable: this one is PREFIX.1, the other PREFIX.2. */
  async neighbour(prefix: string): Promise<Neighbour> {
    const namespace = await NetworkNamespace.make();
    const here = `n${prefix.replaceAll(".", "")}`;
    for (
      const line of [
        `link add ${here} type veth peer name eth0 netns ${namespace.pid}`,
        `addr add ${prefix}.1/24 dev ${here}`,
        `link set ${here} up`,
      ]
    ) {
      const { status, stderr } = await execute(["ip", ...line.split(" ")]);
      assertEquals(status, 0, `ip ${line}: ${stderr}`);
    }
    await namespace.does("ip", "addr", "add", `${prefix}.2/24`, "dev", "eth0");
    await namespace.does("ip", "link", "set", "eth0", "up");
    return new Neighbour(namespace, here);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ids = (await this.does("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length) await this.does("rm", "-f", ...ids);
    // The kernel removes the devices a little later than the processes.
    await until(
      "no device of a container",
      async () => !(await this.ip("link")).includes("veth"),
    );
    await this.does("network", "prune", "-f");
    for (const family of ["ip", "ip6"]) {
      await execute(["nft", "delete", "table", family, "container"]);
    }
    await this.dir[Symbol.asyncDispose]();
  }
}

/** Another host. */
export class Neighbour implements AsyncDisposable {
  constructor(
    readonly namespace: NetworkNamespace,
    private readonly device: string,
  ) {}

  /**
   * Listens; what it returns resolves, after one connection, to the address of
   * the client and its first bytes.
   */
  async listen(port: number): Promise<{ seen: Promise<string> }> {
    const [program = "", ...args] = this.namespace.words(
      ...["python3", "-c"],
      `import socket
s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(("", ${port})); s.listen()
print("ready", flush=True); c, a = s.accept(); print(a[0], c.recv(99), flush=True)`,
    );
    const server = new Deno.Command(program, { args, stdout: "piped" }).spawn();
    const reader = server.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    await reader.read();
    const seen = async () => {
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
      }
      await server.status;
      return text;
    };
    return { seen: seen() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]();
    await execute(["ip", "link", "del", this.device]);
  }
}
