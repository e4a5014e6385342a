/**
 * The library's streams: data in both directions, back-pressure, and which side
 * closes first.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  execute,
  REPOSITORY,
  rootfs,
  shellLine,
  startTerminal,
  TempDir,
  until,
} from "../_harness.ts";
import { output, shell, start, test } from "../_library.ts";

const MIB = 1024 * 1024;

/** Bytes with every value, in no simple order. */
function someBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

const digest = async (bytes: BufferSource) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toString();

test("32 MiB of any bytes pass through unchanged", async () => {
  const bytes = someBytes(32 * MIB);
  await using container = await start(["cat"], {
    stdin: "piped",
    stdout: "piped",
  });
  const [received] = await Promise.all([
    new Response(container.stdout).bytes(),
    new Blob([bytes]).stream().pipeTo(container.stdin),
  ]);
  assertEquals(await digest(received), await digest(bytes));
  assertEquals((await container.status).code, 0);
});

test("one large write is written completely", async () => {
  await using container = await start(["wc", "-c"], {
    stdin: "piped",
    stdout: "piped",
  });
  const writer = container.stdin.getWriter();
  await writer.write(someBytes(5 * MIB));
  await writer.close();
  const text = await new Response(container.stdout).text();
  assertEquals(text.trim(), String(5 * MIB));
});

test("a command waits if its output is not read, and nothing is read ahead", async () => {
  await using container = await start(
    ["sh", "-c", "while :; do echo 0123456789; done"],
    { stdout: "piped", stderr: "piped" },
  );
  // A waiting process has the state S: its pipe is full.
  const waits = () =>
    Deno.readTextFileSync(`/proc/${container.pid}/stat`).includes(") S ");
  await until("it waits", waits);
  const reader = container.stdout.getReader();
  const { value } = await reader.read();
  assert(value!.length > 0 && value!.length <= 65536);
  await until("it waits again", waits);
  reader.releaseLock();
});

test("a write waits if the command does not read", async () => {
  await using container = await start(["sleep", "100"], { stdin: "piped" });
  const writer = container.stdin.getWriter();
  let written = false;
  const writing = writer.write(someBytes(MIB)).then(() => written = true);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(written, false);
  container.signal("SIGKILL");
  await assertRejects(
    () => writing,
    Deno.errors.BrokenPipe,
    "closed its input",
  );
  await writer.closed.catch(() => {});
});

test("a write fails after the command stops reading", async () => {
  await using container = await start(
    ["sh", "-c", "head -c 5; exec <&-; sleep 0.2; exit 4"],
    { stdin: "piped", stdout: "piped" },
  );
  const writer = container.stdin.getWriter();
  await assertRejects(async () => {
    for (;;) await writer.write(someBytes(MIB));
  }, Deno.errors.BrokenPipe);
  assertEquals((await container.status).code, 4);
  await container.stdout.cancel();
});

test("a write of the command fails after the reader stops", async () => {
  await using container = await start(["yes"], { stdout: "piped" });
  const reader = container.stdout.getReader();
  await reader.read();
  await reader.cancel();
  // PID 1 is not killed by SIGPIPE, so its write fails.
  assertEquals((await container.status).success, false);
});

test("output can be read after the command has ended", async () => {
  await using container = await start(["echo", "late"], { stdout: "piped" });
  await container.status;
  assertEquals(await new Response(container.stdout).text(), "late\n");
});

test("/dev/stdout can be reopened, and bytes read into a buffer", async () => {
  await using container = await start(
    ["sh", "-c", "printf abc > /dev/stdout; printf def > /proc/self/fd/1"],
    { stdout: "piped" },
  );
  const reader = container.stdout.getReader({ mode: "byob" });
  let text = "";
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(2));
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  assertEquals(text, "abcdef");
});

test("disposing ends a waiting read and a waiting write", async () => {
  const container = await start(["sleep", "100"], {
    stdin: "piped",
    stdout: "piped",
  });
  const reading = container.stdout.getReader().read();
  const writer = container.stdin.getWriter();
  const writing = writer.write(someBytes(MIB)).catch((error) => error);
  writer.closed.catch(() => {});
  await container[Symbol.asyncDispose]();
  assertEquals((await reading).done, true);
  assert(await writing instanceof Deno.errors.BrokenPipe);
});

test("stdin is null by default, and that is the container's own /dev/null", async () => {
  const { stdout } = await shell("cat; ls -l /proc/self/fd/0 | grep -c null");
  assertEquals(stdout, "1\n");
  const { stdout: mode } = await shell(
    "chmod 600 /dev/null 2>/dev/null; chmod 600 /proc/self/fd/0 2>/dev/null; echo end",
  );
  assertEquals(mode, "end\n");
  assertEquals((await Deno.stat("/dev/null")).mode! & 0o777, 0o666);
});

test("a stream that is not piped throws when it is used", async () => {
  await using container = await start(["true"], { stderr: "null" });
  assertThrows(() => container.stdin, TypeError, "stdin: it is not piped");
  assertThrows(() => container.stdout, TypeError, "stdout: it is not piped");
  assertThrows(() => container.stderr, TypeError, "stderr: it is not piped");
});

test("inherited streams are those of the program", async () => {
  const program = `import { run } from "${REPOSITORY}/mod.ts";
    await using container = await run({
      rootfs: ${JSON.stringify(rootfs())},
      command: ["sh", "-c", "cat; echo err >&2; exit 6"],
      stdin: "inherit",
    });
    Deno.exitCode = (await container.status).code;`;
  const { status, stdout, stderr } = await execute([
    Deno.execPath(),
    ...["eval", "--no-check", `--config=${REPOSITORY}/deno.json`, program],
  ], { stdin: "through" });
  assertEquals([status, stdout, stderr], [6, "through", "err\n"]);
});

test("an inherited terminal belongs to the command while it runs", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(
    `${dir.path}/program.ts`,
    `import { run } from "${REPOSITORY}/mod.ts";
     const rootfs = ${JSON.stringify(rootfs())};
     {
       await using container = await run({ rootfs, stdin: "inherit", command: ["sh", "-c",
         "trap 'exit 5' INT; read line; echo got $line; while :; do sleep 0.1; done"] });
       console.log("code", (await container.status).code);
     }
     const bytes = new Uint8Array(100);
     const count = await Deno.stdin.read(bytes);
     console.log("ours", new TextDecoder().decode(bytes.subarray(0, count)));`,
  );
  await using session = startTerminal(shellLine([
    Deno.execPath(),
    ...["run", "-A", "--no-check", `--config=${REPOSITORY}/deno.json`],
    `${dir.path}/program.ts`,
  ]));
  await session.send("hello\n");
  await session.expect(/got hello/);
  await session.send("\x03");
  await session.expect(/code 5/);
  await session.send("again\n");
  await session.expect(/ours again/);
  assertEquals(await session.end(), 0);
});

test("forty waiting streams hold up neither other containers nor file operations", async () => {
  await using held = new AsyncDisposableStack();
  for (let index = 0; index < 40; index++) {
    const idle = held.use(
      await start(["cat"], { stdin: "piped", stdout: "piped" }),
    );
    held.defer(() => idle.stdout.cancel());
  }
  assertEquals((await output(["echo", "hi"])).stdout, "hi\n");
  assert((await Deno.readTextFile("/proc/self/status")).length > 0);
});
