/**
 * A terminal or pipe in the foreground loses no output. A follower is told what
 * it missed.
 */

import { createHash } from "node:crypto";
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Daily } from "../_daily.ts";
import {
  decode,
  execute,
  rootfs,
  shellLine,
  test,
  until,
} from "../_harness.ts";

const MD5_LINE = 36; // followed by three characters: "  -"
const SIZE = 20_000_000;
/** Writes bytes as fast as possible, and their MD5 sum to standard error. */
const FLOOD =
  `head -c ${SIZE} /dev/urandom >/tmp/x; cat /tmp/x; md5sum </tmp/x`;

const md5 = (bytes: Uint8Array) =>
  createHash("md5").update(bytes).digest("hex");

const run = (...words: string[]) => [
  ...["run", "-q", "--tmpfs", "/tmp", "--rootfs", rootfs()],
  ...words,
];

/** Starts a command whose output is read when the test wants it. */
function start(words: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(words[0]!, {
    args: words.slice(1),
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

async function type(child: Deno.ChildProcess, text: string): Promise<void> {
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
}

async function readAll(
  stream: ReadableStream<Uint8Array>,
  enough = () => false,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) {
    parts.push(part);
    if (enough()) break;
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** Asserts twenty megabytes, followed by their MD5 sum. */
function assertWhole(bytes: Uint8Array, what: string): void {
  assertEquals(bytes.length, SIZE + MD5_LINE, what);
  assertEquals(
    decode(bytes.subarray(SIZE)),
    `${md5(bytes.subarray(0, SIZE))}  -\n`,
    what,
  );
}

test("run --detach-keys, attach and logs -f pass on twenty megabytes unchanged", async () => {
  await using daily = new Daily();
  const front = await execute(
    daily.words(...run("--rm", "--detach-keys", "", "sh", "-c", FLOOD)),
  );
  assertEquals(front.status, 0, front.stderr);
  assertWhole(front.bytes, "run --detach-keys");
  for (const flags of [["-i"], ["-it"]]) {
    const name = `box${flags}`;
    const raw = flags[0] === "-it" ? "stty raw -echo; echo ready; " : "";
    await daily.does(
      ...run("-d", ...flags, "--name", name),
      ...["sh", "-c", `${raw}head -c 3 >/dev/null; ${FLOOD}; exit 7`],
    );
    if (raw) await daily.says(name, "ready");
    const child = start(daily.words("attach", name));
    await type(child, "go\n");
    const bytes = await readAll(child.stdout);
    assertEquals((await child.status).code, 7, name);
    assertWhole(bytes, name);
    await child.stdin.close().catch(() => {});
  }
  // The container does not wait for a follower, so the log needs room for
  // everything.
  await daily.does(
    ...run("-d", "--name", "long", "--log-max-size", "64m"),
    ...["sh", "-c", `sleep 0.5; ${FLOOD}`],
  );
  const follows = await execute(daily.words("logs", "-f", "long"));
  assertEquals(follows.stderr, "");
  assertWhole(follows.bytes, "logs -f");
});

test("logs -f reports every gap and its size, and only real gaps", async () => {
  await using daily = new Daily();
  await daily.does(
    ...run("-d", "--name", "one", "--log-max-size", "64k"),
    ...["sh", "-c", "sleep 0.5; seq 300000; sleep 0.3; seq 300001 300500"],
  );
  const words = shellLine(daily.words("logs", "-f", "one"));
  const { stdout } = await execute(["sh", "-c", `exec ${words} 2>&1`]);
  const lines = stdout.trimEnd().split("\n");
  let told = 0;
  for (let at = 0, last = 0, gap = true; at < lines.length; at++) {
    const line = lines[at]!;
    if (line.startsWith("container: ")) {
      assertMatch(line, /^container: \d+ bytes of the log are missing here/);
      gap = true;
      told++;
      continue;
    }
    const number = Number(line);
    assert(gap ? number > last : number === last + 1, `${last}, ${line}`);
    last = number;
    gap = false;
  }
  assert(told > 0, "it was to be too fast");
  assertEquals(lines.at(-1), "300500");
  // Slow output has no gaps.
  assert(lines.includes("300001"));
});

/** Attaches to a container that then begins to write, and does not read. */
async function attachSilently(daily: Daily, script: string) {
  await daily.does(
    ...run("-di", "--name", "one", "--log-max-size", "64k"),
    ...["sh", "-c", `read x; ${script}`],
  );
  const { LogPath } = await daily.inspect("one");
  const child = start(daily.words("attach", "one"));
  await type(child, "go\n");
  const sizes = () =>
    [LogPath, `${LogPath}.1`].map((path) => {
      try {
        return Deno.statSync(path).size;
      } catch {
        return 0;
      }
    });
  let before = "";
  await until("it waits", async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const now = String(sizes());
    const same = now === before && sizes().every((size) => size > 0);
    before = now;
    return same;
  });
  return { child, sizes };
}

test("a command waits for a slow attach, and its log keeps its bound", async () => {
  await using daily = new Daily();
  const { child, sizes } = await attachSilently(daily, `${FLOOD}; exit 3`);
  for (const size of sizes()) assert(size <= 64 << 10, `${size} bytes`);
  assertEquals((await daily.inspect("one")).State.Status, "running");
  assertWhole(await readAll(child.stdout), "a slow reader");
  assertEquals((await child.status).code, 3);
  await child.stdin.close().catch(() => {});
});

test("an attach that is killed or stopped does not hold up the container", async () => {
  await using daily = new Daily();
  const { child } = await attachSilently(daily, `${FLOOD}; exit 3`);
  child.kill("SIGKILL");
  await child.status;
  await Promise.all([child.stdout.cancel(), child.stdin.close()])
    .catch(() => {});
  await daily.is("one", "exited");
  assertEquals((await daily.inspect("one")).State.ExitCode, 3);
  await daily.does("rm", "one");

  const { child: stopped } = await attachSilently(
    daily,
    "trap 'echo bye; exit 5' TERM; i=0; while :; do i=$((i+1)); echo $i; done",
  );
  stopped.kill("SIGSTOP");
  const begun = performance.now();
  await daily.does("stop", "-t", "30", "one");
  assert(performance.now() - begun < 20_000, "it was waited for");
  assertEquals((await daily.inspect("one")).State.ExitCode, 5);
  assert((await daily.does("logs", "one")).endsWith("\nbye\n"));
  await daily.does("rm", "one");
  // Output that it received before is there, although its files are gone.
  stopped.kill("SIGCONT");
  const lines = decode(await readAll(stopped.stdout)).trimEnd().split("\n");
  assert(lines.length > 1000, `${lines.length} lines`);
  assertEquals(lines, lines.map((_, at) => String(at + 1)));
  await stopped.status;
  await stopped.stdin.close().catch(() => {});
});
