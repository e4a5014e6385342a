/** A full disk below the state of containers: they can still end and be removed. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { Daily, gone } from "../_daily.ts";
import { CONTAINER, execute, rootfs, test, until } from "../_harness.ts";
import { Session } from "../_session.ts";

/**
 * A small disk for the state of containers, which can be filled to the last
 * byte.
 */
class SmallDisk implements AsyncDisposable {
  readonly daily = new Daily();
  readonly path = `${this.daily.dir.path}/small`;
  readonly root = `${this.path}/state`;
  readonly #files: string[] = [];

  static async make(options = "size=2m"): Promise<SmallDisk> {
    const disk = new SmallDisk();
    await Deno.mkdir(disk.path);
    const { status, stderr } = await execute([
      ...["mount", "-t", "tmpfs", "-o", options, "none", disk.path],
    ]);
    assertEquals(status, 0, stderr);
    return disk;
  }

  call(...args: string[]) {
    return this.daily.call("--root", this.root, ...args);
  }

  async does(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...args);
    assertEquals([status, stderr], [0, ""], args.join(" "));
    return stdout.trim();
  }

  run(...args: string[]): Promise<string> {
    return this.does("run", "-dq", "--rootfs", rootfs(), ...args);
  }

  async state(word: string) {
    return JSON.parse(await this.does("inspect", word))[0].State;
  }

  async is(word: string, status: string): Promise<void> {
    await until(
      `${word} is ${status}`,
      async () => (await this.state(word)).Status === status,
    );
  }

  /** Uses every byte, and every inode if those are limited. */
  async fill(): Promise<void> {
    const file = `${this.path}/full${this.#files.length}`;
    this.#files.push(file);
    // dd writes single bytes after the last free block.
    await execute(["sh", "-c", 'cat /dev/zero >"$1"; true', "sh", file]);
    await execute([
      ...[
        "sh",
        "-c",
        'i=0; while : >"$1.$i"; do i=$((i+1)); [ $i -lt 500 ] || break; done',
      ],
      ...["sh", file],
    ]);
  }

  async empty(): Promise<void> {
    await execute(["sh", "-c", 'rm -f "$1"/full*', "sh", this.path]);
  }

  left(): string[] {
    return [...Deno.readDirSync(this.root)].map(({ name }) => name)
      .filter((name) => name !== "@names");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.empty();
    for (const id of this.left()) await this.call("rm", "-f", id);
    await execute(["umount", this.path]);
    await this.daily[Symbol.asyncDispose]();
  }
}

const HANDLES = "trap 'exit 5' TERM; echo set; while :; do sleep 0.05; done";

for (
  const [what, options] of [
    ["bytes", "size=1m"],
    ["bytes and files", "size=1m,nr_inodes=120"],
  ] as const
) {
  test(`stop, kill and rm work on a disk without ${what}`, async () => {
    await using disk = await SmallDisk.make(options);
    await disk.run(
      "--name",
      "stops",
      "--restart",
      "always",
      "sh",
      "-c",
      HANDLES,
    );
    await disk.run("--name", "dies", "--restart", "always", "sleep", "1000");
    await disk.run("--name", "goes", "--restart", "always", "sleep", "1000");
    const endsId = await disk.run("--name", "ends", "sleep", "1000");
    await disk.run("--rm", "--name", "brief", "sleep", "1000");
    await until(
      "it listens",
      async () => (await disk.call("logs", "stops")).stdout === "set\n",
    );
    const ends = await disk.state("ends");
    await disk.fill();
    await disk.does("pause", "stops");
    await disk.does("resume", "stops");
    assertEquals(await disk.does("stop", "stops"), "stops");
    assertEquals((await disk.state("stops")).ExitCode, 5);
    assertEquals(await disk.does("kill", "dies"), "dies");
    await disk.is("dies", "exited");
    assertEquals((await disk.state("dies")).ExitCode, 137);
    // There is room reserved for its end.
    Deno.kill(ends.Pid, "SIGKILL");
    await disk.is("ends", "exited");
    assertEquals((await disk.state("ends")).ExitCode, 137);
    assertEquals(await disk.does("wait", "ends"), "137");
    assertEquals(await disk.does("rm", "-f", "goes"), "goes");
    await disk.does("kill", "brief");
    await until(
      "it is gone",
      async () => (await disk.call("inspect", "brief")).status !== 0,
    );
    // A command that needs room fails with a message, and leaves nothing.
    await disk.fill();
    const before = disk.left();
    const { status, stderr } = await disk.call(
      ...["run", "-dq", "--name", "more", "--rootfs", rootfs(), "true"],
    );
    assertEquals(status, 125);
    assertMatch(
      stderr,
      /^container: Cannot .*no space left on device.*\. .*\n$/i,
    );
    assertEquals(disk.left(), before);
    await disk.does("rm", "stops", "dies");
    await disk.does("delete", "--force", endsId);
    await disk.empty();
    await disk.does("ps", "-a");
  });
}

test("start works on a full disk, and the container's record changes", async () => {
  await using disk = await SmallDisk.make();
  const id = await disk.run(
    ...["--name", "one", "-m", "64m", "sh", "-c", `echo up; ${HANDLES}`],
  );
  await until(
    "it listens",
    async () => (await disk.call("logs", "one")).stdout.includes("set"),
  );
  await disk.fill();
  for (const command of ["restart", "stop", "start"]) {
    assertEquals(await disk.does(command, "one"), "one");
    const state = await disk.state("one");
    assertEquals(state.Status, command === "stop" ? "exited" : "running");
    if (command === "stop") assertEquals(state.ExitCode, 5);
  }
  await disk.does("rename", "one", "two");
  await disk.does("update", "--memory", "96m", "two");
  const [view] = JSON.parse(await disk.does("inspect", "two"));
  assertEquals([view.Id, view.Name], [id, "two"]);
  assertEquals(view.HostConfig.Resources.memory.limit, 96 << 20);
  await disk.does("rm", "-f", "two");
});

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of stream) text += decoder.decode(part);
  return text;
}

test("run prints all output on a full disk, and the log reports what it lacks", async () => {
  await using disk = await SmallDisk.make();
  const child = new Deno.Command(CONTAINER[0]!, {
    args: [
      ...CONTAINER.slice(1),
      ...["--root", disk.root, "run", "-q", "--name", "one", "--rootfs"],
      ...[rootfs(), "--detach-keys", "", "sh", "-c"],
      "echo up; read x; seq 500000; exit 4",
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  await disk.fill();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("go\n"));
  const [stdout] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
  ]);
  assertEquals((await child.status).code, 4);
  await writer.close().catch(() => {});
  const numbers = Array.from({ length: 500_000 }, (_, at) => `${at + 1}\n`);
  const whole = new TextDecoder().decode(value) + stdout;
  assert(whole === `up\n${numbers.join("")}`, `${whole.length} bytes`);
  assertEquals((await disk.state("one")).ExitCode, 4);
  const logs = await disk.call("logs", "one");
  assertEquals([logs.status, logs.stdout.slice(0, 3)], [0, "up\n"]);
  assertMatch(
    logs.stderr,
    /container: \d+ bytes of the log could not be written\n$/,
  );
});

test("run --name in the foreground, and run --bundle, end and clean up on a full disk", async () => {
  await using disk = await SmallDisk.make();
  const front = new Session([
    ...[...CONTAINER, "--root", disk.root, "run", "-q", "--name", "one"],
    ...["--rootfs", rootfs(), "sh", "-c", HANDLES],
  ]);
  await front.expect(/set\n/);
  await using bundle = await Bundle.make(
    ["sleep", "1000"],
    (config) => delete config.linux.cgroupsPath,
  );
  bundle.globals = ["--root", disk.root];
  for (const id of ["b1", "b2"]) {
    await bundle.create(id);
  }
  await disk.does("start", "b1");
  const { pid } = JSON.parse(await disk.does("state", "b1"));
  await disk.fill();
  await disk.does("stop", "one");
  assertEquals(await front.end(), 5);
  assertEquals((await disk.state("one")).ExitCode, 5);
  await disk.does("rm", "one");
  await disk.fill();
  await disk.does("start", "b2");
  await disk.does("pause", "b2");
  await disk.does("resume", "b2");
  await disk.does("kill", "b1", "KILL");
  await gone(pid);
  await disk.does("delete", "b1");
  await disk.does("delete", "--force", "b2");
  assertEquals(disk.left(), []);
});
