/**
 * Builds the program as a user does, in both ways, into temporary directories,
 * and runs the result. The standalone half needs DENORT_BIN, since it must not
 * depend on a download.
 */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { usualRuns } from "../../scripts/built_in/usual_runs.ts";
import { execute, REPOSITORY, rootfs, TempDir, test } from "../_harness.ts";
import { mounted } from "../_rootfs.ts";

const RUNTIME = Deno.env.get("DENORT_BIN");
const NO_RUNTIME = RUNTIME ? null : "DENORT_BIN is not set";

/** The bytes that a module and an archive may take in addition to their own. */
const OVERHEAD = 64 * 1024;

/** Three of the sizes are printed in rounded tenths of a megabyte. */
const ROUNDING = 3 * 5e4;

function compile(args: readonly string[], env: Record<string, string> = {}) {
  const script = `${REPOSITORY}/scripts/compile.ts`;
  return execute(
    [Deno.execPath(), "run", "--allow-all", script, ...args],
    { env, cwd: REPOSITORY },
  );
}

/** Makes the script that replaces a binary. */
async function compileScript(out: string): Promise<string> {
  const { status, stderr } = await compile(["--out", out], {
    DENORT_BIN: "/nowhere/denort",
  });
  assertEquals(status, 0, stderr);
  return stderr;
}

/** A program that several tests run, and what was printed when it was built. */
interface Built {
  path: string;
  said: string;
}

const builds = new Map<string, Promise<Built>>();

/** Builds a standalone program with these flags, or returns it. */
function standalone(...flags: string[]): Promise<Built> {
  const key = flags.join(" ");
  let built = builds.get(key);
  if (!built) builds.set(key, built = buildStandalone(flags));
  return built;
}

async function buildStandalone(flags: readonly string[]): Promise<Built> {
  const dir = await Deno.makeTempDir({ prefix: "container-test-built-" });
  addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
  const path = `${dir}/container`;
  const { status, stderr } = await compile(
    ["--standalone", "--debug", ...flags, "--out", path],
  );
  assertEquals(status, 0, stderr);
  return { path, said: stderr };
}

/** The number in texts such as `bundle 54.9 kB`, in bytes. */
function sizeIn(said: string, what: string): number {
  const found = said.match(new RegExp(`${what} ([\\d.]+) (kB|MB)`));
  assert(found, `${what} is not in ${said}`);
  return Number(found[1]) * (found[2] === "MB" ? 1e6 : 1e3);
}

function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

test("compile makes a script and warns if there is no runtime", async () => {
  await using dir = new TempDir();
  const out = `${dir.path}/container`;
  const said = await compileScript(out);
  assertMatch(
    said,
    /^compile: Built \S+: a script, .*, because .* \(deno task compile --debug shows why\)\n$/,
  );
  assertLess(sizeIn(said, "script,"), 1_400_000);
  assertEquals(names(dir.path), ["container"]);
  assertEquals((await Deno.stat(out)).mode! & 0o777, 0o755);
  const version = await execute([out, "--version"]);
  assertEquals(version.stderr, "");
  assertMatch(version.stdout, /^container version \d/);
});

test("the compiled script runs a container", async () => {
  await using dir = new TempDir();
  const out = `${dir.path}/con tainer`;
  await compileScript(out);
  // Neither these files nor the directory may have an effect.
  await Deno.writeTextFile(`${dir.path}/deno.json`, "{ broken");
  await Deno.writeTextFile(`${dir.path}/package.json`, `{"type":"commonjs"}`);
  const { status, stdout, stderr } = await execute(
    [out, "run", "-q", "--rootfs", rootfs(), "sh", "-c", 'echo $$ "$1"; exit 7']
      .concat("sh", "a  b"),
    { cwd: dir.path },
  );
  assertEquals([status, stderr], [7, ""]);
  assertMatch(stdout, /^[1-9]\d* a {2}b\n$/);
});

test("compile --standalone fails instead of making a script", async () => {
  await using dir = new TempDir();
  const out = `${dir.path}/container`;
  await Deno.writeTextFile(out, "the old one");
  const { status, stderr } = await compile(["--standalone", "--out", out], {
    DENORT_BIN: "/nowhere/denort",
  });
  assertEquals(status, 1);
  assertStringIncludes(stderr, "Cannot build a standalone binary");
  assertEquals(await Deno.readTextFile(out), "the old one");
  assertEquals(names(dir.path), ["container"]);
});

test("compile refuses a runtime of another version", async () => {
  await using dir = new TempDir();
  const out = `${dir.path}/container`;
  const { status, stderr } = await compile(["--out", out], {
    DENORT_BIN: "/bin/sh",
    COMPILE_DENO: Deno.execPath(),
  });
  assertEquals(status, 0, stderr);
  assertStringIncludes(stderr, `Built ${out}: a script`);
  assertEquals((await execute([out, "--version"])).status, 0);
});

test("compile refuses unknown arguments", async () => {
  for (const args of [["--nonsense"], ["stray"], ["--out="]]) {
    const { status, stderr } = await compile(args);
    assertEquals(status, 2, stderr);
  }
  for (
    const [rootfs, words] of [
      ["/nowhere", /Cannot include \/nowhere: no such directory/],
      ["/etc/passwd", /Cannot include \/etc\/passwd: not a directory/],
      ["/dev/shm/..", /Cannot pack \/dev\/\S+: it is not a file, directory or/],
    ] as const
  ) {
    await using dir = new TempDir();
    const out = `${dir.path}/container`;
    const { status, stderr } = await compile([
      "--rootfs",
      rootfs,
      "--out",
      out,
    ]);
    assertEquals(status, 1);
    assertMatch(stderr, words);
    assertEquals(names(dir.path), []);
  }
  await using dir = new TempDir();
  await Deno.mkdir(`${dir.path}/directory`);
  await Deno.symlink("/dev/null", `${dir.path}/device`);
  for (const name of names(dir.path)) {
    const { status, stderr } = await compile(["--out", `${dir.path}/${name}`]);
    assertEquals(status, 1);
    assertMatch(stderr, /it is not a regular file; .*--out/);
  }
  assertEquals(names(dir.path), ["device", "directory"]);
});

/** Ends a build by a signal after it has begun to write. */
async function interrupt(dir: string, signal: Deno.Signal): Promise<void> {
  const script = `${REPOSITORY}/scripts/compile.ts`;
  const build = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", script, "--out", `${dir}/container`],
    cwd: REPOSITORY,
    env: { DENORT_BIN: "/nowhere/denort" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const begun = () =>
    names(dir).some((name) => {
      try {
        return names(`${dir}/${name}`).length > 0;
      } catch {
        return false;
      }
    });
  while (!begun()) await new Promise((resolve) => setTimeout(resolve, 5));
  build.kill(signal);
  const expected = { SIGTERM: 143, SIGINT: 130, SIGKILL: 137 };
  assertEquals(
    (await build.status).code,
    expected[signal as keyof typeof expected],
  );
}

test("compile leaves nothing behind when it is interrupted", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using dir = new TempDir();
    await interrupt(dir.path, signal);
    assertEquals(names(dir.path), []);
  }
});

test("compile removes the files of a killed compile, but not those of a running one", async () => {
  await using dir = new TempDir();
  await interrupt(dir.path, "SIGKILL");
  const [left] = names(dir.path);
  assertMatch(left!, /^\.container-.*\.tmp$/);
  const busy = ".container-0123456789abcdef.tmp";
  await Deno.mkdir(`${dir.path}/${busy}`);
  using lock = await Deno.open(`${dir.path}/${busy}`);
  await lock.lock(true);
  await compileScript(`${dir.path}/container`);
  assertEquals(names(dir.path), [busy, "container"]);
});

test(
  "compile reports a full disk, and leaves the old program",
  async () => {
    await using dir = new TempDir();
    for (const size of ["100k", "900k", "2m", "40m"]) {
      await mounted(dir.path, `size=${size}`, async () => {
        const out = `${dir.path}/container`;
        await Deno.writeTextFile(out, "the old one");
        const { status, stderr } = await compile(["--out", out]);
        assertEquals(status, 1);
        assertMatch(
          stderr,
          /^compile: Cannot build \S+: no space left on device; free some .*\n$/m,
        );
        assertEquals(await Deno.readTextFile(out), "the old one");
        assertEquals(names(dir.path), ["container"]);
      });
    }
  },
  { skip: NO_RUNTIME },
);

test(
  "the compiled program contains only itself and the root filesystem",
  async () => {
    const { path, said } = await standalone("--rootfs", rootfs());
    const program = sizeIn(said, "program");
    // Images, registries and networks are a third of it; few runs read that part.
    assertLess(program, 1_500_000);
    // Without it every start would compile, which takes half of its time.
    const code = sizeIn(said, "compiled code");
    assertLess(0, code);
    // The parts that a run, an engine's calls and the rest read: each is
    // smaller than the program.
    const shares = sizeIn(said, "parts of it");
    assertLess(shares, 3 * program);
    const parts = program + shares + code + sizeIn(said, "root filesystem");
    const carried = (await Deno.stat(path)).size -
      (await Deno.stat(RUNTIME!)).size;
    assertLess(
      Math.abs(carried - parts - (await usualRuns()).length),
      OVERHEAD + ROUNDING,
    );
    const bytes = await Deno.readFile(path);
    const text = new TextDecoder("latin1").decode(bytes.subarray(-carried));
    // A failure that printed the text would fill the terminal.
    for (const rare of ["run", "program"]) {
      assert(
        text.includes(`"rare-${rare}.cache":[`),
        `${rare} is not complete`,
      );
    }
    assert(!text.includes("deno-std"), "a package of the scripts is inside");
    assert(!text.includes(REPOSITORY), "the path of the checkout is inside");
  },
  { skip: NO_RUNTIME },
);

test(
  "the compiled program has every command, including two modules with the same name",
  async () => {
    await using dir = new TempDir();
    const { path: out } = await standalone("--no-rootfs");
    for (const { name, hidden } of COMMANDS) {
      if (hidden) continue;
      const known = await execute([out, name, "--help"]);
      assertEquals([known.status, known.stderr], [0, ""], name);
      // With another flag in front, Deno prints it.
      const loaded = await execute([out, "--debug", name, "--help"]);
      assertEquals(loaded, known, name);
    }
    // cli/run.ts and cli/daily/run.ts; cli/features.ts and
    // containers/oci/features.ts.
    const { stdout } = await execute([out, "features"]);
    assertEquals(JSON.parse(stdout).ociVersionMin, "1.0.0");
    const detached = await execute([
      out,
      "run",
      "-d",
      "--rootfs",
      dir.path,
      "x",
    ]);
    assertStringIncludes(detached.stderr, "Cannot run x: not found");
  },
  { skip: NO_RUNTIME },
);

test("the compiled program runs in an empty folder", async () => {
  await using dir = new TempDir();
  const { path } = dir;
  const built = await standalone("--rootfs", rootfs());
  await Deno.mkdir(`${path}/empty`);
  const start = (...words: string[]) =>
    execute([built.path, ...words], {
      cwd: `${path}/empty`,
      // Its files are inside it, whatever is around it.
      env: { XDG_CACHE_HOME: `${path}/cache`, TMPDIR: `${path}/empty` },
    });
  const run = () => start("run", "-q", "busybox", "echo", "hi");
  const explained = await start("explain", "run", "true");
  assertEquals([explained.status, explained.stderr], [0, ""]);
  assertStringIncludes(explained.stdout, `${path}/cache/container/`);
  assertEquals(names(path), ["empty"], "explain unpacks nothing");
  const first = await run();
  assertEquals([first.status, first.stdout], [0, "hi\n"]);
  assertStringIncludes(first.stderr, `${path}/cache/container/`);
  const second = await run();
  assertEquals([second.status, second.stdout, second.stderr], [0, "hi\n", ""]);
  await Deno.chmod(`${path}/cache/container`, 0o777);
  const open = await run();
  assertEquals([open.status, open.stdout], [125, ""]);
  assertMatch(
    open.stderr,
    /^container: Cannot keep a root .*: other users can write to it\. Restrict it with .*\. Set XDG_CACHE_HOME to .*\.\n$/,
  );
  assertEquals(names(`${path}/empty`), [], "nothing may be left there");
}, { skip: NO_RUNTIME });

test(
  "the compiled program without a root filesystem names what is missing",
  async () => {
    await using dir = new TempDir();
    const { path: out } = await standalone("--no-rootfs");
    const { status, stderr } = await execute([out, "run", "true"], {
      cwd: dir.path,
    });
    assertEquals(status, 125);
    assertStringIncludes(stderr, "Cannot use the root filesystem ./fs");
  },
  { skip: NO_RUNTIME },
);
