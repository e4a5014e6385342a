/** exec joins everything that the container has. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { writeAll } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import type { Config } from "../_config.ts";
import { ConsoleSocket } from "../_console.ts";
import {
  decode,
  execute,
  shellLine,
  startTerminal,
  test,
  until,
  without,
} from "../_harness.ts";
import { rootOf } from "../_host.ts";
import { Session } from "../_session.ts";
import {
  bury,
  detached,
  exec,
  isGone,
  prints,
  running,
  words,
} from "../_exec.ts";

const mapped = [{ containerID: 0, hostID: 100000, size: 65536 }];

const VARIANTS: Record<string, (config: Config) => void> = {
  "in the host's user namespace": () => {},
  "in a user namespace of its own": (config) => {
    (config.linux.namespaces as unknown[]).push({ type: "user" });
    config.linux.uidMappings = mapped;
    config.linux.gidMappings = mapped;
  },
  "with the host's processes and network": (config) => {
    config.linux.namespaces = (config.linux.namespaces as { type: string }[])
      .filter(({ type }) => type !== "pid" && type !== "network");
  },
};

const ROOT_ONLY: Record<string, string> = {
  "in a user namespace of its own": "it maps ids that are not the user's",
  "with the host's processes and network":
    "a user may mount neither the host's /proc nor its /sys",
};

const NAMESPACES = "cgroup ipc mnt net pid time user uts".split(" ");

for (const [variant, change] of Object.entries(VARIANTS)) {
  test(
    `exec joins everything of the container, and brings nothing of the host: ${variant}`,
    async () => {
      await using container = await running(change);
      const { bundle, pid } = container;
      const links = await prints(
        bundle,
        `for n in ${NAMESPACES.join(" ")}; do readlink /proc/self/ns/$n; done`,
      );
      assertEquals(
        links.split("\n"),
        NAMESPACES.map((name) => Deno.readLinkSync(`/proc/${pid}/ns/${name}`)),
      );
      const root = await Deno.stat(rootOf(pid));
      assertEquals(
        await prints(bundle, "stat -c %i /; pwd; hostname"),
        `${root.ino}\n/\ncontainer`,
      );
      const open = await execute([
        "sh",
        "-c",
        `exec 9</etc/passwd 8>/dev/null; exec ${
          shellLine(
            words(bundle, "exec", "one", "sh", "-c", "ls /proc/$$/fd; true"),
          )
        }`,
      ]);
      assertEquals(
        open.stdout,
        "0\n1\n2\n",
        open.stderr,
      );
      const env = await exec(bundle, ["one", "env"], {
        env: { SECRET: "of the host" },
      });
      assertEquals(env.stdout.trim().split("\n").toSorted(), [
        "HOME=/root",
        "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
        "TERM=xterm",
      ]);
      // It leads a session of its own.
      assertEquals(
        await prints(
          bundle,
          "set -- $$ $(cat /proc/$$/stat); echo $(($1-$6)) $(($1-$7))",
        ),
        "0 0",
      );
      const rights = (of: string) =>
        of.match(/^(Cap|NoNewPrivs|Seccomp|Groups).*$/gm);
      assertEquals(
        rights(await prints(bundle, "cat /proc/self/status")),
        rights(await Deno.readTextFile(`/proc/${pid}/status`)),
      );
    },
    { rootOnly: ROOT_ONLY[variant] },
  );

  test(`exec joins the container's cgroup: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle, pid } = container;
    await using session = new Session(
      words(bundle, "exec", "one", "sh", "-c", "echo here; read x"),
    );
    await session.expect(/here/);
    const pids = JSON.parse(
      await bundle.does("ps", "--format", "json", "one"),
    ) as number[];
    const [other] = pids.filter((each) => each !== pid);
    assertEquals(
      await Deno.readTextFile(`/proc/${other}/cgroup`),
      await Deno.readTextFile(`/proc/${pid}/cgroup`),
    );
    await session.send("\n");
    assertEquals(await session.end(), 0);
  }, { rootOnly: ROOT_ONLY[variant] });

  test(`exec -t keeps many descriptors: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle } = container;
    const count = 30;
    const script =
      'for n in $(seq 3 32); do readlink /proc/$$/fd/$n; done | uniq -c; tty; echo "got $(wc -c <&32)"';
    const line = shellLine(
      words(
        bundle,
        ...["exec", "-t", "--preserve-fds", `${count}`, "one", "sh", "-c"],
        script,
      ),
    );
    const file = `${bundle.dir.path}/kept`;
    await Deno.writeTextFile(file, "kept");
    const opening = 'for ((n = 3; n < 33; n++)); do eval "exec $n<$0"; done';
    const kept = ["bash", "-c", `${opening}; exec ${line}`, file];
    await using terminal = startTerminal(`${shellLine(kept)}; echo status $?`);
    await terminal.expect(/ 30 \/[^\r]*kept\r\n\/dev\/pts\/\d+\r\n/);
    await terminal.expect(/got 4\r\nstatus 0\r\n/);
    await terminal.end();
  }, { skip: without("script") ?? without("bash") });

  test(`exec -t has a new terminal: ${variant}`, async () => {
    await using container = await running(change);
    const { bundle } = container;
    const inside =
      "tty; stty size; for n in 0 1 2; do readlink /proc/$$/fd/$n; done | uniq -c; test -e /dev/console; echo console $?; exit 3";
    const line = shellLine(
      words(bundle, "exec", "-it", "one", "sh", "-c", inside),
    );
    await using session = startTerminal(
      `stty rows 33 cols 77; ${line}; echo status $?`,
    );
    await session.expect(
      /\/dev\/pts\/0\r\n33 77\r\n *3 \/dev\/pts\/0\r\nconsole 1\r\n/,
    );
    await session.expect(/status 3/);
    await session.end();
  }, { rootOnly: ROOT_ONLY[variant] });

  test(
    `exec --detach writes its pid file and outlives the command: ${variant}`,
    async () => {
      await using container = await running(change);
      const { bundle } = container;
      const file = `${bundle.dir.path}/pid`;
      const { status, stderr } = await detached(
        bundle,
        ["--pid-file", file],
        ["sleep", "1001"],
      );
      assertEquals([status, stderr], [0, ""]);
      const pid = Number(await Deno.readTextFile(file));
      using _buried = bury(pid);
      assertEquals(
        (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0").slice(
          0,
          2,
        ),
        ["sleep", "1001"],
      );
      await bundle.does("delete", "--force", "one");
      await until("it is gone", () => isGone(pid));
    },
    { rootOnly: ROOT_ONLY[variant] },
  );

  test(
    `exec --detach -t sends its terminal to a console socket: ${variant}`,
    async () => {
      await using container = await running(change);
      const { bundle } = container;
      using socket = new ConsoleSocket(`${bundle.dir.path}/console`);
      const file = `${bundle.dir.path}/pid`;
      const { status, stderr } = await detached(
        bundle,
        ["--tty", "--console-socket", socket.path, "--pid-file", file],
        ["sh", "-c", "read x; echo $(tty) got $x; sleep 1000"],
      );
      assertEquals([status, stderr], [0, ""]);
      using _buried = bury(Number(await Deno.readTextFile(file)));
      using master = await socket.take();
      // Not by Deno, since opening a master's name makes another master.
      writeAll(master.fd, new TextEncoder().encode("it\n"));
      let said = "";
      const buffer = new Uint8Array(256);
      while (!said.includes("got it")) {
        const count = syscall("read", master.fd, buffer, buffer.length);
        said += decode(buffer.subarray(0, count));
      }
      assertStringIncludes(said, "/dev/pts/0 got it");
      await bundle.does("delete", "--force", "one");
    },
    { rootOnly: ROOT_ONLY[variant] },
  );
}
