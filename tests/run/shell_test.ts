/** Completion in real shells, and manual pages in real readers. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import { COMMANDS } from "../../cli/commands.ts";
import { Daily } from "../_daily.ts";
import {
  CONTAINER,
  container,
  execute,
  quote,
  shellLine,
  startShell,
  startTerminal,
  TempDir,
  test,
  without,
} from "../_harness.ts";

const SHOWN = COMMANDS.filter(({ hidden }) => !hidden).map(({ name }) => name);

/** Makes a directory for PATH that contains the program, and a shell's script. */
async function place(dir: TempDir, shell: string): Promise<string> {
  const { status, stdout, stderr } = await container(["completion", shell]);
  assertEquals([status, stderr], [0, ""]);
  await Deno.writeTextFile(`${dir.path}/script`, stdout);
  await Deno.writeTextFile(
    `${dir.path}/container`,
    `#!/bin/sh\nexec ${shellLine(CONTAINER)} "$@"\n`,
    { mode: 0o755 },
  );
  return `export PATH=${quote(dir.path)}:$PATH; source ${
    quote(`${dir.path}/script`)
  }`;
}

/** What bash's function offers for a line whose last word is completed. */
async function offered(
  setUp: string,
  words: readonly string[],
): Promise<string[]> {
  const { stdout, stderr, status } = await execute([
    ...["bash", "--norc", "-c"],
    `${setUp}
    [[ $(complete -p container) == *"-F _container container" ]] || exit 9
    COMP_WORDS=(${words.map(quote).join(" ")} ''); COMP_CWORD=${
      words.length - 1
    }
    unset "COMP_WORDS[${words.length}]"
    _container; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);
  assertEquals([status, stderr], [0, ""]);
  return stdout.trim().split("\n").filter(Boolean);
}

test("bash completes commands, flags, their values and containers", async () => {
  await using dir = new TempDir();
  await using daily = new Daily();
  const setUp = await place(dir, "bash");
  const all = await offered(setUp, ["container", ""]);
  assertEquals(SHOWN.filter((name) => !all.includes(name)), []);
  assert(!all.includes("child") && all.includes("--root"));
  assertEquals(await offered(setUp, ["container", "insp"]), ["inspect"]);
  assertEquals(await offered(setUp, ["container", "run", "--memory-sw"]), [
    "--memory-swap",
    "--memory-swappiness",
  ]);
  assertEquals(
    await offered(setUp, ["container", "explain", "run", "--ephe"]),
    [
      "--ephemeral",
    ],
  );
  assertEquals(await offered(setUp, ["container", "explain", ""]), [
    "run",
    "create",
    "exec",
  ]);
  const about = ["container", "explain", "--about"];
  assertEquals(await offered(setUp, [...about, "r"]), [
    "root",
    "rights",
    "record",
  ]);
  assertEquals(await offered(setUp, [...about, "root", "run", "--ephe"]), [
    "--ephemeral",
  ]);
  const root = ["container", "--root", daily.root];
  assertEquals(await offered(setUp, [...root, "resta"]), ["restart"]);
  assertEquals(
    await offered(setUp, ["container", "run", "--rootfs", `${dir.path}/scr`]),
    [],
  );
  assertEquals(
    await offered(setUp, ["container", "run", "--env-file", `${dir.path}/scr`]),
    [`${dir.path}/script`],
  );
  await daily.run("--name", "web-1", "sleep", "1000");
  await daily.run("--name", "web-2", "true");
  assertEquals((await offered(setUp, [...root, "logs", "w"])).sort(), [
    "web-1",
    "web-2",
  ]);
  assertEquals(await offered(setUp, [...root, "stop", "web-1", "x"]), []);
});

test("bash completes at the Tab key in an interactive shell", async () => {
  await using dir = new TempDir();
  const setUp = await place(dir, "bash");
  await using shell = await startShell();
  await shell.send(`${setUp}\n`);
  await shell.expect(/host> $/);
  await shell.send("container inspe\t--hel\t\n");
  await shell.expect(/container inspect --help[^]*Usage: container inspect/);
});

test("zsh completes commands, flags and containers", async () => {
  await using dir = new TempDir();
  await using daily = new Daily();
  const setUp = await place(dir, "zsh");
  await daily.run("--name", "web-1", "sleep", "1000");
  await Deno.writeTextFile(
    `${dir.path}/.zshrc`,
    `PS1='host> '; unset zle_bracketed_paste; stty cols 400
autoload -Uz compinit; compinit -u -D; ${setUp}\n`,
  );
  await using shell = startTerminal(
    `TERM=dumb ZDOTDIR=${quote(dir.path)} zsh -d -i`,
  );
  await shell.expect(/host> /);
  await shell.send("container inspe\t");
  await shell.expect(/container inspect/);
  await shell.send("--hel\t\n");
  await shell.expect(/Usage: container inspect/);
  await shell.expect(/host> /);
  await shell.send("container run --memory-swap\t\x15");
  await shell.expect(/--memory-swappiness/);
  await shell.send(`container --root ${daily.root} stop we\t`);
  await shell.expect(/stop web-1/);
}, { skip: without("zsh") });

test("fish completes commands, flags and containers", async () => {
  await using dir = new TempDir();
  await using daily = new Daily();
  const setUp = await place(dir, "fish");
  const complete = async (line: string) => {
    const { status, stdout, stderr } = await execute([
      ...["fish", "--no-config", "-c"],
      `set -x PATH ${quote(dir.path)} $PATH; ${
        setUp.replace(/^.*; /, "")
      }; complete -C ${quote(line)}`,
    ], { env: { HOME: dir.path } });
    assertEquals([status, stderr], [0, ""]);
    return stdout.trim().split("\n").map((found) => found.split("\t")[0]!);
  };
  assertEquals(await complete("container insp"), ["inspect"]);
  assertEquals(await complete("container run --memory-swa"), [
    "--memory-swap",
    "--memory-swappiness",
  ]);
  await daily.run("--name", "web-1", "sleep", "1000");
  assertEquals(await complete(`container --root ${daily.root} stop we`), [
    "web-1",
  ]);
}, { skip: without("fish") });

test("completion refuses an unknown shell", async () => {
  for (const words of [[], ["csh"], ["constructor"], ["bash", "zsh"]]) {
    const { status, stderr } = await container(["completion", ...words]);
    assertEquals(status, 125);
    assertStringIncludes(stderr, "bash, zsh or fish");
  }
});

/** The complaints of a reader about a page; a page has no date on purpose. */
async function complaints(words: string[], page: string): Promise<string[]> {
  const { stdout, stderr } = await execute(words, { stdin: page });
  return (stdout + stderr).split("\n").filter((line) =>
    line && !line.includes("missing date")
  );
}

for (
  const [reader, words] of [
    ["mandoc", ["mandoc", "-Tlint", "-W", "warning"]],
    ["groff", ["groff", "-man", "-Tutf8", "-ww", "-z"]],
  ] as [string, string[]][]
) {
  test(`${reader} accepts every manual page`, async () => {
    for (const name of [[], ...SHOWN.map((name) => [name])]) {
      const { status, stdout, stderr } = await container([
        ...["man", "--roff"],
        ...name,
      ]);
      assertEquals([status, stderr], [0, ""]);
      assertStringIncludes(stdout, ".SH SYNOPSIS");
      assertEquals(await complaints(words, stdout), [], name.join());
    }
  }, { skip: without(reader) });
}

test("man prints text for a pager, and roff only on request", async () => {
  for (const name of [[], ...SHOWN.map((name) => [name])]) {
    const { status, stdout, stderr } = await container(["man", ...name]);
    assertEquals([status, stderr], [0, ""]);
    assertMatch(stdout, /^CONTAINER.*User Commands.*\n\nNAME\n {7}container/);
    assertNotMatch(stdout, /^\.|\\f|\\-/m);
    assert(!stdout.includes("\x1b"));
    // As wide as a terminal, except for a word that is wider.
    assert(stdout.split("\n").every((line) => !/^.{81}.* /.test(line)), stdout);
  }
  const { stdout } = await container(["man", "run"]);
  const { stdout: help } = await container(["run", "--help"]);
  for (const [, flag] of help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)) {
    assertMatch(stdout, new RegExp(`^ {7}(-\\w, )?${flag}( |$)`, "m"));
  }
});

test("man refuses an unknown command", async () => {
  const { status, stderr } = await container(["man", "insepct"]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "Did you mean inspect?");
});
