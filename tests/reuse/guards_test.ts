/**
 * What a decision has read, and the file of its plan, are checked before the
 * plan is reused. If anything differs, Deno starts.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  copyRootfs,
  execute,
  type Options,
  rootfs,
  TempDir,
  test,
} from "../_harness.ts";
import { hasRuntime, program, skip, toFiles } from "../_plain.ts";
import { Line, plans, plansDirectory } from "./_line.ts";
import { undoDirectory } from "../_undo_files.ts";

/** A root filesystem and a directory next to it. */
async function makePlace(dir: TempDir) {
  const root = await copyRootfs(dir.path);
  const path = await Deno.realPath(dir.path);
  for (const name of ["data", "other", "cwd"]) {
    await Deno.mkdir(`${path}/${name}`);
  }
  await Deno.mkdir(`${root}/place`);
  await Deno.symlink("data", `${path}/link`);
  await Deno.writeTextFile(`${root}/etc/passwd`, "me:x:1000:1000::/:/bin/sh\n");
  await Deno.writeTextFile(`${path}/env`, "A=b\n");
  return { root, path };
}

test("reused plan: Deno starts if something differs", async () => {
  await using dir = new TempDir();
  const { root, path } = await makePlace(dir);
  const flags = ["-u", "me", "-e", "GIVEN", "-v", `${path}/link:/place`];
  const line = new Line(
    root,
    [...flags, "--env-file", `${path}/env`, "--uts", "host"],
    ["true"],
    { cwd: `${path}/cwd`, env: { GIVEN: "one" } },
  );
  await line.keep();
  const shell = (script: string) => ["sh", "-c", `${script}; exec "$@"`, "sh"];
  const elsewhere: [string, Options][] = [
    ["another variable", { env: { GIVEN: "two" } }],
    ["no variable", { env: {}, before: ["env", "-u", "GIVEN"] }],
    ["another directory", { cwd: path }],
    ["a pipe as input", { stdin: "" }],
    ["a file as output", { before: toFiles(dir, '> "$0"/out') }],
    ["fewer capabilities", { before: ["setpriv", "--bounding-set=-net_raw"] }],
    ["a group", { before: ["setpriv", "--regid=5", "--clear-groups"] }],
    ["a host name", { before: ["unshare", "-u", ...shell("hostname other")] }],
    ["a mount", {
      before: ["unshare", "-m", ...shell(`mount -t tmpfs none ${path}/data`)],
    }],
  ];
  for (const [what, options] of elsewhere) {
    assertEquals(await line.leavesPlans(options), false, what);
    // The plan for the first place is kept, unless both have one key.
    await line.keep();
  }
  const nested = { before: ["unshare", "-r"] };
  assertEquals(await line.leavesPlans(nested), true, "nothing is kept");
  assertEquals(await line.startsDeno(nested), true, "a user namespace");
  const changes: [string, () => Promise<unknown>][] = [
    [
      "an account",
      () =>
        Deno.writeTextFile(
          `${root}/etc/passwd`,
          "me:x:1001:1000::/:/bin/sh\n",
        ),
    ],
    ["a file of variables", () => Deno.writeTextFile(`${path}/env`, "A=c\n")],
    ["the target of a link", async () => {
      await Deno.remove(`${path}/link`);
      await Deno.symlink("other", `${path}/link`);
    }],
    ["another directory of the same name", async () => {
      await Deno.rename(`${path}/other`, `${path}/older`);
      await Deno.mkdir(`${path}/other`);
    }],
    ["the mode of a directory", () => Deno.chmod(`${path}/other`, 0o700)],
    ["the owner of a directory", () => Deno.chown(`${path}/other`, 1, 1)],
    ["a link in place of a file", async () => {
      await Deno.rename(`${root}/etc/passwd`, `${root}/etc/accounts`);
      await Deno.symlink("accounts", `${root}/etc/passwd`);
      await Deno.writeTextFile(
        `${root}/etc/accounts`,
        "me:x:1002:1000::/:/bin/sh\n",
      );
    }],
    ["another root filesystem of the same name", async () => {
      await Deno.rename(root, `${root}-old`);
      await execute(["cp", "-a", `${root}-old`, root]);
    }],
  ];
  for (const [what, change] of changes) {
    await change();
    assertEquals(await line.leavesPlans(), false, what);
    await line.keep();
  }
  // Deno takes back what the command has left.
  await Deno.mkdir(undoDirectory(), { recursive: true });
  const record = `${undoDirectory()}/id.1.1`;
  await Deno.writeTextFile(record, `{"owner":{"boot":""},"undos":[]}`);
  assertEquals(await line.startsDeno(), true, "a record of a dead command");
  assertEquals(await line.startsDeno(), false);
}, { skip });

test(
  "reused plan: a file that others could have made is not used",
  async () => {
    await using dir = new TempDir();
    const host = `h${Date.now()}`;
    const line = new Line(rootfs(), ["-u", "0", "-h", host], ["hostname"]);
    const before = new Set(plans());
    await line.keep();
    const [name] = plans().filter((name) => !before.has(name));
    const path = `${plansDirectory()}/${name}`;
    const bytes = await Deno.readFile(path);
    const isSame = (content: Uint8Array) =>
      content.length === bytes.length &&
      content.every((byte, at) => byte === bytes[at]);
    const write = (content: Uint8Array) => Deno.writeFile(path, content);
    const change = (at: number) => write(bytes.with(at, bytes[at]! ^ 1));
    const changes: [string, () => Promise<void>][] = [
      ["another owner", () => Deno.chown(path, 1, 0)],
      ["a group may write", () => Deno.chmod(path, 0o660)],
      ["others may read", () => Deno.chmod(path, 0o604)],
      ["a link", async () => {
        await Deno.writeFile(`${dir.path}/plan`, bytes, { mode: 0o600 });
        await Deno.remove(path);
        await Deno.symlink(`${dir.path}/plan`, path);
      }],
      ["an empty file", () => write(new Uint8Array())],
      ["half of it", () => write(bytes.subarray(0, bytes.length / 2 & ~7))],
      ["a little less", () => write(bytes.subarray(0, -8))],
      ["more", () => write(new Uint8Array([...bytes, ...new Uint8Array(8)]))],
      ["zeros", () => write(new Uint8Array(bytes.length))],
      ["too much", () => write(new Uint8Array(2 << 20))],
      ...[0, 8, 16, 24, 40, 72, 88, 100, 5000, bytes.length - 1].map((
        at,
      ): [string, () => Promise<void>] => [`byte ${at}`, () => change(at)]),
    ];
    const restore = async () => {
      await Deno.remove(path, { recursive: true });
      await Deno.writeFile(path, bytes, { mode: 0o600 });
    };
    for (const [what, change] of changes) {
      await restore();
      await change();
      const { status, stdout, stderr } = await line.run();
      assertEquals([status, stdout, stderr], [0, `${host}\n`, ""], what);
      // Deno has started, and has made it anew.
      const { isFile, uid, mode } = await Deno.lstat(path);
      assertEquals([isFile, uid, mode! & 0o777], [true, 0, 0o600], what);
      assertEquals(isSame(await Deno.readFile(path)), true, what);
    }
    await Deno.remove(path);
    await Deno.mkdir(path);
    assertEquals(await line.startsDeno(), true, "a directory");
    await restore();
    await Deno.chmod(plansDirectory(), 0o755);
    assertEquals(await line.startsDeno(), true, "others may look");
    await Deno.chmod(plansDirectory(), 0o700);
    await Deno.chown(plansDirectory(), 1, 0);
    assertEquals(
      await line.startsDeno(),
      true,
      "the directory of another user",
    );
    await Deno.chown(plansDirectory(), 0, 0);
    assertEquals(await line.startsDeno(), false, "the same file again");
  },
  { skip },
);

test("reused plan: another file of the program does not use it", async () => {
  await using dir = new TempDir();
  const line = new Line(rootfs(), ["-u", "0"], ["true"]);
  await line.keep();
  const copy = `${dir.path}/program`;
  await Deno.copyFile(program, copy);
  const env = { CONTAINER_REUSE: "1" };
  const words = [copy, ...line.words.slice(1)];
  assertEquals(await hasRuntime(words, { env }), true);
  assertEquals(await hasRuntime(words, { env }), false);
  assertEquals(await line.startsDeno(), true);
}, { skip });

test("reused plan: some runs are never reused", async () => {
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  const before = plans();
  for (
    const flags of [
      ["-m", "64m"],
      ["--status-fd", "1"],
      ["--debug", "-u", "0"],
      ["--env-host"],
      ["--overlay", `${dir.path}/up`],
      ["--entrypoint=echo"],
    ]
  ) {
    await new Line(root, flags, ["true"]).run();
    assertEquals(plans(), before, flags.join(" "));
  }
  await new Line(root, ["-u", "0"], ["true"]).fresh();
  assertEquals(plans(), before);
}, { skip });
