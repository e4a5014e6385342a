/**
 * Directories that another user of the host has prepared: records in them are
 * not trusted, and links in them are not followed for writing.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { HostRecord } from "../../plan/undo.ts";
import { Bundle } from "../_bundle.ts";
import {
  CONTAINER,
  container,
  copyRootfs,
  execute,
  Nobody,
  shellLine,
  TempDir,
  test,
  without,
} from "../_harness.ts";

const MALLORY = 1234;
const NOBODY = 65534;
const skip = without("setpriv");

/**
 * A record without a living owner: the next command would run its undo, which
 * removes a directory.
 */
const record = (path: string) =>
  JSON.stringify(
    {
      owner: { pid: 1, startTime: "1", boot: "" },
      undos: [{ operation: { undo: "removeEmpty", path } }],
    } satisfies HostRecord,
  );

/** Prepares a directory of the attacker that every user may write to. */
async function lay(directory: string, victim: string): Promise<void> {
  for (const path of [directory, `${directory}/undo`]) {
    await Deno.mkdir(path);
    await Deno.chmod(path, 0o777);
    await Deno.chown(path, MALLORY, MALLORY);
  }
  await Deno.writeTextFile(`${directory}/undo/evil.1.1`, record(victim));
}

async function refuses(
  env: Record<string, string>,
  victim: string,
): Promise<void> {
  await using nobody = await Nobody.make();
  const options = {
    before: ["env", "-u", "XDG_RUNTIME_DIR", ...nobody.before],
    env: { ...nobody.env, ...env },
  };
  if (env.XDG_RUNTIME_DIR) options.before.splice(0, 3);
  await using dir = new TempDir();
  const rootfs = await copyRootfs(dir.path);
  await execute(["chown", "-Rh", `${NOBODY}:${NOBODY}`, rootfs]);
  const ran = await container(
    ["run", "-q", "--rootfs", rootfs, "true"],
    options,
  );
  assertEquals([ran.status, ran.stderr], [0, ""]);
  assertEquals((await Deno.stat(victim)).isDirectory, true);
  for (const command of [["list"], ["run", "-d", "--rootfs", rootfs, "true"]]) {
    const { status, stderr } = await container(command, options);
    assertEquals(status, 125, stderr);
    assertMatch(
      stderr,
      /^container: Cannot keep the state of containers in \S+: .+\. Set XDG_RUNTIME_DIR .+\n$/,
    );
  }
  const { status } = await container(["list", "--help"], options);
  assertEquals(status, 0);
}

async function victimIn(dir: TempDir): Promise<string> {
  const path = `${dir.path}/precious`;
  await Deno.mkdir(path);
  await Deno.chown(dir.path, NOBODY, NOBODY);
  await Deno.chown(path, NOBODY, NOBODY);
  return path;
}

test("a runtime directory of another user is not used", async () => {
  await using dir = new TempDir();
  await using theirs = new TempDir();
  await Deno.chown(theirs.path, MALLORY, MALLORY);
  const victim = await victimIn(dir);
  await lay(`${theirs.path}/container`, victim);
  await refuses({ XDG_RUNTIME_DIR: theirs.path }, victim);
}, { skip });

test(
  "a directory of another user in a shared runtime directory is not used",
  async () => {
    await using dir = new TempDir();
    await using shared = new TempDir();
    await Deno.chmod(shared.path, 0o1777);
    const victim = await victimIn(dir);
    await lay(`${shared.path}/container`, victim);
    await refuses({ XDG_RUNTIME_DIR: shared.path }, victim);
  },
  { skip },
);

test("a home of another user, as su leaves it, is not used", async () => {
  await using dir = new TempDir();
  await using theirs = new TempDir();
  const victim = await victimIn(dir);
  await Deno.mkdir(`${theirs.path}/.local/state`, { recursive: true });
  await lay(`${theirs.path}/.local/state/container`, victim);
  await Deno.chown(theirs.path, MALLORY, MALLORY);
  await refuses({ HOME: theirs.path }, victim);
}, { skip });

test("the same record in the user's own directory is used", async () => {
  await using nobody = await Nobody.make();
  await using dir = new TempDir();
  await using own = new TempDir();
  const victim = await victimIn(dir);
  await lay(`${own.path}/container`, victim);
  await execute(["chown", "-R", `${NOBODY}:${NOBODY}`, own.path]);
  await execute(["chmod", "-R", "go-w", own.path]);
  const rootfs = await copyRootfs(dir.path);
  await execute(["chown", "-Rh", `${NOBODY}:${NOBODY}`, rootfs]);
  const { status, stderr } = await container(
    ["run", "-q", "--rootfs", rootfs, "true"],
    {
      before: nobody.before,
      env: { ...nobody.env, XDG_RUNTIME_DIR: own.path },
    },
  );
  assertEquals([status, stderr], [0, ""]);
  await assertRejects(() => Deno.stat(victim), Deno.errors.NotFound);
}, { skip });

test("no user can prepare the state directory of another", async () => {
  await using nobody = await Nobody.make();
  await using dir = new TempDir();
  const place = `/tmp/container-${NOBODY}`;
  const victim = await victimIn(dir);
  // The place that older versions of this program used.
  const aside = `${place}.aside.${Deno.pid}`;
  const isTaken = await Deno.rename(place, aside).then(() => true, () => false);
  try {
    await lay(place, victim);
    const { status, stderr } = await container(["list"], {
      before: ["env", "-u", "XDG_RUNTIME_DIR", ...nobody.before],
      env: nobody.env,
    });
    assertEquals([status, stderr], [0, ""]);
    assertEquals((await Deno.stat(victim)).isDirectory, true);
    const own = `${nobody.env.HOME}/.local/state/container`;
    const { uid, mode } = await Deno.lstat(own);
    assertEquals([uid, (mode ?? 0) & 0o777], [NOBODY, 0o700]);
  } finally {
    await Deno.remove(place, { recursive: true });
    if (isTaken) await Deno.rename(aside, place);
  }
}, { skip });

test("--root refuses a directory that another user owns or may write to", async () => {
  await using bundle = await Bundle.make(["true"]);
  await using theirs = new TempDir();
  const root = `${theirs.path}/state`;
  await Deno.mkdir(root);
  const refused = async (why: RegExp, commands: readonly string[][]) => {
    for (const words of commands) {
      const { status, stdout, stderr } = await container(
        ["--root", root, ...words],
      );
      assertEquals([status === 0, stdout], [false, ""], words.join(" "));
      assertMatch(
        stderr,
        /^container: Cannot keep the state of containers in /,
      );
      assertMatch(stderr, why);
    }
  };
  const { path } = bundle.dir;
  await Deno.chown(root, MALLORY, MALLORY);
  await refused(/it belongs to user 1234/, [
    ...[["list"], ["ps"], ["state", "box"], ["delete", "--force", "box"]],
    ...[["run", "--bundle", path, "box"], ["kill", "box"], ["prune", "-f"]],
  ]);
  await Deno.chown(root, 0, 0);
  for (const mode of [0o1777, 0o775]) {
    await Deno.chmod(root, mode);
    await refused(/other users can write to it/, [["list"]]);
  }
  await Deno.chmod(root, 0o711);
  const { status } = await container(["--root", root, "list"]);
  assertEquals(status, 0);
});

test("--pid-file does not write through a link next to it", async () => {
  await using bundle = await Bundle.make(["true"]);
  const { path } = bundle.dir;
  await Deno.writeTextFile(`${path}/precious`, "precious");
  const line = shellLine([
    ...[...CONTAINER, "--root", `${path}/state`, "run", "--bundle", path],
    ...["--pid-file", `${path}/pid`, "--keep", "linked"],
  ]);
  // The name of its draft contains our process number, which can be guessed.
  const { status, stderr } = await execute([
    "sh",
    "-c",
    `umask 0; ln -s ${path}/precious ${path}/pid.$$; exec ${line}`,
  ]);
  assertEquals([status, stderr], [0, ""]);
  assertEquals(await Deno.readTextFile(`${path}/precious`), "precious");
  const { isFile, mode } = await Deno.lstat(`${path}/pid`);
  assertEquals([isFile, (mode ?? 0) & 0o777], [true, 0o644]);
  await bundle.does("delete", "linked");
});

test("an id that leads out of the state directory is refused", async () => {
  await using dir = new TempDir();
  const [root, other] = [`${dir.path}/root`, `${dir.path}/other`];
  await Deno.mkdir(root);
  await Deno.mkdir(other);
  const touch = { path: "/bin/touch", args: ["touch", `${dir.path}/owned`] };
  await Deno.writeTextFile(
    `${other}/state.json`,
    JSON.stringify({
      ...{ id: "x", bundle: "/", pid: 0, startTime: "", created: "" },
      cgroup: null,
      spec: {
        ...{ root: { path: "/" }, linux: {}, process: { args: [] } },
        hooks: { poststop: [touch] },
      },
    }),
  );
  for (
    const words of [
      ["delete", "--force", "../other"],
      ["delete", "../other"],
      ["rm", "-f", "../other"],
      ["kill", "../other", "KILL"],
      ["state", "../other"],
      ["start", "../other"],
      ["exec", "../other", "true"],
      ["events", "--stats", "../other"],
      ["delete", "--force", ".."],
    ]
  ) {
    const { status } = await container(["--root", root, ...words]);
    assertEquals(status, 125, words.join(" "));
    assertEquals((await Deno.stat(`${other}/state.json`)).isFile, true);
  }
  const left = await Array.fromAsync(Deno.readDir(dir.path));
  assertEquals(left.map(({ name }) => name).toSorted(), ["other", "root"]);
});
