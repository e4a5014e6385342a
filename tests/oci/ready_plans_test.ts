/**
 * What the compiled program does before Deno starts: the same as Deno would do,
 * and nothing if anything is unusual. Deno cannot start in so little memory,
 * which shows which of the two answered.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withEntry } from "../../scripts/_entry.ts";
import { Bundle } from "../_bundle.ts";
import {
  CONTAINER,
  execute,
  NO_STANDALONE,
  type Result,
  rootfs,
  TempDir,
  test,
  until,
} from "../_harness.ts";

const [program = ""] = CONTAINER;
const skip = NO_STANDALONE;

/**
 * In kibibytes of address space: enough for the program's file, too little for
 * Deno's heap.
 */
const LITTLE = 200_000;

/** Runs a command in memory that is too small for Deno. */
const compiled = (bundle: Bundle, ...command: string[]): Promise<Result> =>
  execute([
    ...["sh", "-c", `ulimit -v ${LITTLE}; exec "$@"`, "sh"],
    ...[program, "--root", `${bundle.dir.path}/state`, ...command],
  ]);

/** The same for a command that must succeed without messages. */
async function quickly(bundle: Bundle, ...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await compiled(bundle, ...command);
  assertEquals([status, stderr], [0, ""], command.join(" "));
  return stdout;
}

/** Runs a command by Deno, which alone knows --debug. */
const slowly = (bundle: Bundle, ...command: [string, ...string[]]) =>
  bundle.call("--debug", ...command);

const plans = (bundle: Bundle, id: string) => `${bundle.dir.path}/state/${id}`;

test(
  "ready plan: state, start, kill and delete behave as with Deno",
  async () => {
    await using bundle = await Bundle.make(["sleep", "1000"]);
    await bundle.create("one");
    const same = async (status: string) => {
      const said = await quickly(bundle, "state", "one");
      assertEquals(JSON.parse(said).status, status);
      assertEquals(said, (await slowly(bundle, "state", "one")).stdout);
    };
    await same("created");
    // SIGCONT changes nothing for a process that waits to be started.
    await quickly(bundle, "kill", "one", "18");
    await same("created");
    await quickly(
      bundle,
      "--log",
      "/dev/null",
      "--log-format=json",
      "start",
      "one",
    );
    await same("running");
    await quickly(bundle, "kill", "one", "9");
    await until(
      "it is stopped",
      async () => await bundle.status("one") === "stopped",
    );
    await same("stopped");
    await quickly(bundle, "delete", "one");
    const { stderr } = await slowly(bundle, "state", "one");
    assertStringIncludes(stderr, "does not exist");
    // Signals that end a process without a handler.
    for (const signal of ["TERM", "1", "2", "3", "KILL"]) {
      await bundle.create("two");
      await quickly(bundle, "kill", "two", signal);
      await until(
        `signal ${signal} ends a container that has not been started`,
        async () => await bundle.status("two") === "stopped",
      );
      await quickly(bundle, "delete", "two");
    }
  },
  { skip },
);

test("ready plan: delete --force ends a running container", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  await bundle.create("one");
  const { pid } = JSON.parse(await quickly(bundle, "state", "one"));
  await quickly(bundle, "start", "one");
  await quickly(bundle, "delete", "--force", "one");
  const state = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "Z");
  assert(/\) Z|^Z/.test(state), state);
}, { skip });

test("ready plan: Deno reports what is refused", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  await bundle.create("one");
  const both = async (text: string, ...command: [string, ...string[]]) => {
    const { status, stderr } = await bundle.call(...command);
    assertEquals(status === 0, false, command.join(" "));
    assertStringIncludes(stderr, text);
  };
  await bundle.does("start", "one");
  await both("already running", "start", "one");
  await both("not stopped", "delete", "one");
  await both("does not exist", "state", "two");
  await both("invalid container ID", "state", "../one");
  await both("unknown signal", "kill", "one", "99");
  const odd = await execute([
    ...[program, "--root", `${bundle.dir.path}/state`],
    ...["--log-format", "xml", "state", "one"],
  ]);
  assertEquals(odd.status, 125);
  assertStringIncludes(odd.stderr, "--log-format xml: not one of text, json");
  await bundle.does("pause", "one");
  assertEquals(await bundle.status("one"), "paused");
  await bundle.does("kill", "one", "9");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  await both("has stopped", "start", "one");
}, { skip });

test(
  "ready plan: a broken or foreign plan is not used",
  async () => {
    await using bundle = await Bundle.make(["sleep", "1000"]);
    await bundle.create("one");
    const file = `${plans(bundle, "one")}/state.plan`;
    const whole = await Deno.readFile(file);
    const told = await bundle.does("state", "one");
    for (let round = 0; round < 20; round++) {
      const broken = whole.slice(0, round % 2 ? whole.length : 100 * round);
      for (let index = 0; index < 40 && broken.length; index++) {
        const place = round % 2 ? index : 2048 + Math.random() * 300;
        broken[Math.floor(place)] = 0xff;
      }
      await Deno.writeFile(file, broken);
      const { status, stdout } = await bundle.call("state", "one");
      assertEquals([status, stdout], [0, told], `round ${round}`);
    }
    await Deno.writeFile(file, whole);
    await Deno.chmod(file, 0o622);
    assertEquals((await compiled(bundle, "state", "one")).status === 0, false);
    await Deno.chmod(file, 0o600);
    assertEquals(await quickly(bundle, "state", "one"), told);
    await Deno.chown(file, 4711, 4711);
    assertEquals((await compiled(bundle, "state", "one")).status === 0, false);
    assertEquals(await bundle.does("state", "one"), told);
  },
  { skip },
);

test(
  "ready plan: commands work in a deleted working directory",
  async () => {
    await using dir = new TempDir();
    const told =
      "container: The current directory has been deleted: going on in /.\n";
    const inNone = (...args: string[]) =>
      execute([
        ...["sh", "-c", 'cd "$0"; rmdir "$0"; exec "$@"'],
        ...[Deno.makeTempDirSync({ dir: dir.path }), ...CONTAINER, ...args],
      ]);
    for (
      const [args, said] of [
        [["--root", dir.path, "ps", "-q"], ""],
        [["run", "-q", "--rootfs", rootfs(), "pwd"], "/\n"],
        [["run", "-q", "--no-init", "--rootfs", rootfs(), "pwd"], "/\n"],
      ] as const
    ) {
      const { status, stdout, stderr } = await inNone(...args);
      assertEquals([status, stdout, stderr], [0, said, told], args.join(" "));
    }
  },
  { skip },
);

test("ready plan: Deno starts a container with hooks", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"], (config) => {
    const hook = { path: "/bin/sh", args: ["sh", "-c", "true"] };
    config.hooks = { poststart: [hook], poststop: [hook] };
  });
  await bundle.create("one");
  const files = await Array.fromAsync(Deno.readDir(plans(bundle, "one")));
  const names = files.map(({ name }) => name)
    .filter((name) => name.endsWith(".plan"));
  assertEquals(names.sort(), ["kill.plan", "state.plan"]);
});

test("withEntry() names what it cannot do", () => {
  const bytes = new Uint8Array(100);
  assertEquals(
    withEntry(bytes, "x86_64", new Uint8Array(0)),
    "the runtime does not end as expected",
  );
});
