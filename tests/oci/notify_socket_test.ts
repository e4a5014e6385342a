/** NOTIFY_SOCKET and --pidfd-socket: messages about a container through sockets. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { readInBackground } from "../../ffi/poll.ts";
import { bindDatagram } from "../../ffi/unix_socket.ts";
import { Bundle } from "../_bundle.ts";
import { bury, detached, SLEEP } from "../_exec.ts";
import { CONTAINER, execute, REPOSITORY, test, without } from "../_harness.ts";

const runtime = (bundle: Bundle, ...args: string[]) => [
  ...CONTAINER,
  "--root",
  `${bundle.dir.path}/state`,
  ...args,
];

test(
  "start passes on that a container is ready, and no other message",
  async () => {
    await using bundle = await Bundle.make([
      ...[
        "sh",
        "-c",
        "/bin/notify STATUS=mine 'MAINPID=1' READY=1; sleep 1000",
      ],
    ]);
    const built = await execute([
      ...["gcc", "-static", "-o", `${bundle.dir.path}/rootfs/bin/notify`],
      `${REPOSITORY}/tests/_notify.c`,
    ]);
    assertEquals(built.stderr, "");
    const path = `${bundle.dir.path}/host.sock`;
    using host = bindDatagram(path);
    const env = { NOTIFY_SOCKET: path };
    const { code } = await new Deno.Command(CONTAINER[0]!, {
      args: runtime(bundle, "create", "-b", bundle.dir.path, "one").slice(1),
      env,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    assertEquals(code, 0);
    const bytes = new Uint8Array(4096);
    const told = readInBackground(host.fd, bytes);
    const start = await execute(runtime(bundle, "start", "one"), { env });
    assertEquals([start.status, start.stderr], [0, ""]);
    const text = new TextDecoder().decode(bytes.subarray(0, await told));
    const { pid } = JSON.parse(await bundle.does("state", "one"));
    assertEquals(text, `READY=1\nMAINPID=${pid}\n`);
    await bundle.does("delete", "--force", "one");
  },
  { skip: without("gcc") },
);

test("start does not wait for a container that ends before it is ready", async () => {
  await using bundle = await Bundle.make(["true"]);
  const path = `${bundle.dir.path}/host.sock`;
  using _host = bindDatagram(path);
  const { status, stderr } = await execute(
    runtime(bundle, "run", "--bundle", bundle.dir.path, "one"),
    { env: { NOTIFY_SOCKET: path } },
  );
  assertEquals([status, stderr], [0, ""]);
});

test(
  "--pidfd-socket sends a pidfd of the first process, and of an exec process",
  async () => {
    await using bundle = await Bundle.make(["sleep", "1000"]);
    const one = await pidOfPidfd(
      bundle,
      (...flags) => bundle.create("one", ...flags),
    );
    const { pid } = JSON.parse(await bundle.does("state", "one"));
    assertEquals(one, pid);
    await bundle.does("start", "one");
    const file = `${bundle.dir.path}/exec.pid`;
    const flags = ["--pid-file", file, "--no-subreaper"];
    const told = await pidOfPidfd(bundle, async (...more) => {
      assertEquals(await detached(bundle, [...flags, ...more], SLEEP), {
        status: 0,
        stderr: "",
      });
    });
    assertEquals(told, Number(await Deno.readTextFile(file)));
    using _buried = bury(told);
    // Nothing listens there any more, and nothing is left of the requested
    // container.
    for (
      const words of [["create", "-b", bundle.dir.path, "two"], [
        "exec",
        "one",
        "true",
      ]] as [string, ...string[]][]
    ) {
      const path = `${bundle.dir.path}/pidfd.sock`;
      const [command, ...rest] = words;
      const { status, stderr } = await bundle.call(
        ...[command, "--pidfd-socket", path, ...rest] as [string, ...string[]],
      );
      assertEquals(status, 125);
      assertStringIncludes(
        stderr,
        `Cannot connect to the socket ${path} of --pidfd-socket: ECONNREFUSED`,
      );
    }
    assertEquals(await bundle.does("list", "--quiet"), "one\n");
    await bundle.does("delete", "--force", "one");
  },
  { skip: without("python3") },
);

/** The process of the pidfd that a command sends to its socket. */
async function pidOfPidfd(
  bundle: Bundle,
  call: (...flags: string[]) => Promise<void>,
): Promise<number> {
  const path = `${bundle.dir.path}/pidfd.sock`;
  await Deno.remove(path).catch(() => {});
  const receiver = new Deno.Command("python3", {
    args: ["-c", RECEIVER, path],
    stdout: "piped",
  }).spawn();
  const lines = receiver.stdout.pipeThrough(new TextDecoderStream())
    .getReader();
  await lines.read();
  await call("--pidfd-socket", path);
  // It may arrive in pieces.
  let told = "";
  for (;;) {
    const { value, done } = await lines.read();
    if (done) break;
    told += value;
  }
  await receiver.status;
  return Number(told.match(/^Pid:\t(\d+)$/m)?.[1]);
}

const RECEIVER = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(1)
print("listening", flush=True)
client, _ = server.accept()
_, fds, _, _ = socket.recv_fds(client, 16, 1)
print(open(f"/proc/self/fdinfo/{fds[0]}").read(), flush=True)
`;
