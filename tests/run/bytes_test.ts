/** Arguments, variables and paths with bytes that are not UTF-8. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import {
  CONTAINER,
  copyRootfs,
  execute,
  type Mode,
  rootfs,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";
import { Daily } from "../_daily.ts";
import { assertRefused } from "../_refused.ts";

/**
 * Runs a script of bash, in which `"$@"` are these words. Only a shell can write
 * such bytes: Deno passes on text.
 */
const bash = (
  script: string,
  words: readonly string[] = CONTAINER,
  cwd?: string,
) => execute(["bash", "-c", script, "bash", ...words], { cwd });

/** The words that start a container. */
const runs = (mode: Mode, ...args: string[]) => mode.runWords("-q", ...args);

/** Without Deno's runtime, and with it, in the compiled program. */
const WAYS = [[], ["-u", "0"]] as const;

const bytes = (text: string) => [...text].map((c) => c.charCodeAt(0));

const shows = "od -An -tx1 -v | tr -d ' \\n'";

testBoth("run passes on every byte of the command's words", async (mode) => {
  for (const flags of WAYS) {
    const { bytes: out, stderr } = await bash(
      `"$@" printf %s- $'a\\xffb' $'\\xc3' $'\\xed\\xa0\\x80' é '' $'\\xef\\xbf\\xbd'`,
      runs(mode, ...flags),
    );
    assertEquals([[...out], stderr], [
      [
        ...[0x61, 0xff, 0x62, ...bytes("-"), 0xc3, ...bytes("-")],
        ...[0xed, 0xa0, 0x80, ...bytes("-"), 0xc3, 0xa9, ...bytes("-")],
        ...[...bytes("-"), 0xef, 0xbf, 0xbd, ...bytes("-")],
      ],
      "",
    ]);
  }
});

test("run announces a command with such bytes", async () => {
  const { status, stderr } = await bash(
    `"$@" run -w / --rootfs ${rootfs()} true $'\\xff' 2>&1 >/dev/null | ${shows} >&2`,
  );
  assertEquals(status, 0);
  assertMatch(stderr, /5b7472756520ff5d20617320/);
});

testBoth("run passes on every byte of variables", async (mode) => {
  await using dir = new TempDir();
  const file = `${dir.path}/env`;
  await Deno.writeFile(
    file,
    new Uint8Array([...bytes("F=f"), 0xfe, 0x0a]),
  );
  for (const flags of WAYS) {
    const { stdout, stderr } = await bash(
      `export X=$'x\\xff'; "$@" -e X -e $'Y=\\x80y' -e $'\\xf0=z' env | grep -a '^[XY]=\\|=z$' | sort | ${shows}`,
      runs(mode, ...flags),
    );
    assertEquals([stdout, stderr], [
      "583d78ff0a593d80790af03d7a0a",
      "",
    ]);
  }
  const host = await bash(
    `export X=$'x\\xff'; "$@" --env-host --env-file ${file} sh -c 'printf %s "$X$F"' | ${shows}`,
    runs(mode),
  );
  assertEquals([host.stdout, host.stderr], ["78ff66fe", ""]);
});

testBoth("run passes on every byte of paths", async (mode) => {
  const hex = (text: string) =>
    bytes(text).map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const flags of WAYS) {
    await using dir = new TempDir();
    const root = await copyRootfs(dir.path);
    const { stdout, stderr } = await bash(
      `set -e; mkdir $'s\\xff'; echo text > $'s\\xff/f\\xfe'
       "$@" -v $'./s\\xff:/m\\x80' -w $'/m\\x80' sh -c 'pwd; echo *; cat *' | ${shows}
       cd $'s\\xff'; "$@" -v .:/here -w /here sh -c "echo *" | ${shows}
       "$@" --mount $'type=bind,source=f\\xfe,target=/g\\xfd' cat $'/g\\xfd'
       "$@" --tmpfs $'/t\\xff' --symlink $'a\\xfe:/l\\xff' readlink $'/l\\xff' | ${shows}
       "$@" --file $'f\\xfe:/copy\\xff' sh -c 'cat /copy*'`,
      runs(mode, "--rootfs", root, ...flags),
      dir.path,
    );
    assertEquals([stdout, stderr], [
      `2f6d800a66fe0a${hex("text\n")}66fe0atext\n61fe0atext\n`,
      "",
    ]);
  }
});

testBoth("run uses a root filesystem in such a directory", async (mode) => {
  await using dir = new TempDir();
  await copyRootfs(dir.path);
  const { stdout, stderr } = await bash(
    `mv rootfs $'r\\xff'; "$@" --rootfs $'r\\xff' --tmpfs /mnt echo one
     "$@" --rootfs $'r\\xff' sh -c 'echo x >/made'; cat $'r\\xff/made'`,
    runs(mode),
    dir.path,
  );
  assertEquals([stdout, stderr], ["one\nx\n", ""]);
});

test("run names a command with such bytes that does not exist", async () => {
  const words = [...CONTAINER, "run", "-q", "--rootfs", rootfs()];
  assertRefused(
    await bash(`"$@" $'no\\xff'`, words),
    127,
    /Cannot run no\\xff: not found in/,
  );
});

test("flags and names that must be text are refused by name", async () => {
  for (
    const [line, named] of [
      [`run --name $'a\\xff' true`, "--name a\\\\xff"],
      [`run --hostname $'\\xff' true`, "--hostname \\\\xff"],
      [`run -u $'\\xff' true`, "--user \\\\xff"],
      [`run --cidfile $'c\\xff' true`, "--cidfile c\\\\xff"],
      [`run --overlay $'c\\xff' true`, "--overlay c\\\\xff"],
      [`stop $'a\\xff'`, "a\\\\xff"],
      [`--root $'a\\xff' list`, "--root a\\\\xff"],
      [`create --bundle $'a\\xff' x`, "--bundle a\\\\xff"],
    ] as const
  ) {
    assertRefused(
      await bash(`"$@" ${line}`),
      125,
      new RegExp(`${named}: it has a byte that is not UTF-8`),
    );
  }
  const unknown = await bash(`"$@" $'\\xff'`);
  assertRefused(unknown, 125, /Unknown command \\xff/);
});

test("variables for our own paths are refused by name", async () => {
  assertRefused(
    await bash(
      `XDG_RUNTIME_DIR=$'/x\\xff' setpriv --reuid=65534 --regid=65534 --clear-groups "$@" list`,
    ),
    125,
    /The variable XDG_RUNTIME_DIR is \/x\\xff: it has a byte that is not UTF-8/,
  );
}, { skip: without("setpriv") });

test("a container in the background keeps such bytes, and so does exec", async () => {
  await using daily = new Daily();
  const script = 'printf "%s-%s\\n" "$1" "$X"; sleep 1000';
  const { stdout, stderr } = await bash(
    `set -e; "$@" run -d -q --rootfs ${rootfs()} --name one -e $'X=\\xfd' sh -c '${script}' sh $'a\\xff' >/dev/null
     until "$@" logs one | grep -aq a; do sleep 0.05; done
     "$@" logs one | ${shows}
     "$@" restart -t 0 one >/dev/null
     until test "$("$@" logs one | wc -l)" = 2; do sleep 0.05; done
     "$@" logs --tail 1 one | ${shows}
     "$@" exec -e $'Y=\\xfc' one sh -c 'printf %s "$1$Y$X"' sh $'\\xfb' | ${shows}
     "$@" exec -w $'/\\xff' one true || echo $?`,
    daily.words(),
  );
  assertEquals(stdout, "61ff2dfd0a61ff2dfd0afbfcfd125\n");
  assertMatch(
    stderr,
    /^container: Cannot change the working directory to \/\\xff/,
  );
});

test("explain shows such bytes as strace does, and as escapes in JSON", async () => {
  const { stdout, stderr } = await bash(
    `"$@" explain --strace run --rootfs ${rootfs()} true $'\\xff' | grep -a execve | tail -1
     "$@" explain --json run --rootfs ${rootfs()} true $'\\xff' | grep -c 'udcff'`,
  );
  assertMatch(stdout, /"\\377"/);
  assertMatch(stdout, /\n[1-9]\d*\n$/);
  assertEquals(stderr, "");
});

test("a config.json with half of a character is refused", async () => {
  await using bundle = await Bundle.make(["true", "\udcff"]);
  assertRefused(
    await bundle.call("run", "--bundle", bundle.dir.path, "half"),
    125,
    /process\.args\[1\]: contains half of a character/,
  );
});
