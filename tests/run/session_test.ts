/**
 * The original use of this program: a session in a shell, and what a command
 * finds inside.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import {
  COMPILED,
  container,
  copyRootfs,
  REPOSITORY,
  rootfs,
  run,
  runShell,
  runWords,
  shellLine,
  startTerminal,
  TempDir,
  test,
  without,
} from "../_harness.ts";

const NO_SCRIPT = without("script");

/** How PID 1 was started, by its own command line. */
const CHILD = COMPILED
  ? String.raw`/proc/self/exe child /bin/sh`
  : String.raw`/proc/self/exe run .*main\.ts child /bin/sh`;

test(
  "run /bin/sh on a terminal works as a session: announcement, ps, hostname, exit",
  async () => {
    await using terminal = startTerminal(
      `stty cols 400; echo parent=$$; exec ${shellLine(runWords("/bin/sh"))}`,
    );
    const [, parent] = await terminal.expect(/parent=(\d+)\r\n/);
    const [, announced] = await terminal.expect(
      /^running \[\/bin\/sh\] as (\d+)\r\n/,
    );
    assertEquals(announced, parent);
    await terminal.expect(/^running \[\/bin\/sh\] as 1\r\n/);
    await terminal.expect(/\/ # /);
    await terminal.send("ps\n");
    await terminal.expect(/PID +USER.*COMMAND\r\n/);
    await terminal.expect(
      new RegExp(String.raw`^ +1 \S+ +.*${CHILD}\r\n`),
    );
    await terminal.expect(/^ +\d+ \S+ +.*\/bin\/sh\r\n/);
    await terminal.expect(/^ +\d+ \S+ .*(ps|\/bin\/sh)\r\n.*# /);
    await terminal.send("hostname\n");
    await terminal.expect(/hostname\r\ncontainer\r\n.*# /);
    await terminal.send("exit\n");
    assertEquals(await terminal.end(), 0);
    assertNotMatch(terminal.output, /job control|can't access tty/);
  },
  { skip: NO_SCRIPT },
);

test(
  "README.md shows what a session prints",
  async () => {
    const text = await Deno.readTextFile(`${REPOSITORY}/README.md`);
    const session = text.match(
      /^```console\n\$ deno task start\n(.*?)^```/ms,
    )![1]!;
    const shown = session.slice(session.indexOf("running ")).trimEnd();
    const typed = [...shown.matchAll(/^\/ # (.*)$/gm)].map(([, word]) => word!);
    assertEquals(typed.at(-1), "exit");
    await using terminal = startTerminal(
      `stty cols 200; exec ${shellLine(runWords("/bin/sh"))}`,
    );
    for (const word of typed) {
      await terminal.expect(/\/ # /);
      await terminal.send(`${word}\n`);
    }
    assertEquals(await terminal.end(), 0);
    const numbers = (lines: string) =>
      lines.replaceAll("\r", "")
        // The shell asks for the position of the cursor.
        // deno-lint-ignore no-control-regex
        .replace(/\x1b\[\d*[A-Za-z]/g, "")
        .replace(/^running (.*) as \d{2,}$/m, "running $1 as N")
        // Some builds of busybox introduce themselves.
        .replace(/^\n*BusyBox v.*\n.*\n\n/m, "")
        .replace(/^ +\d+ root/gm, "N root").trimEnd();
    assertEquals(numbers(terminal.output), numbers(shown));
  },
  {
    skip: NO_SCRIPT ??
      (COMPILED ? null : "README.md shows a session of the compiled program"),
  },
);

test("run /bin/sh works as a session if the shell reads a pipe", async () => {
  const { status, stdout, stderr } = await container(
    ["run", "--rootfs", rootfs(), "/bin/sh"],
    { stdin: "ps\nhostname\nexit 7\n" },
  );
  assertEquals(status, 7);
  assertMatch(
    stderr,
    /^running \[\/bin\/sh\] as \d{2,}\nrunning \[\/bin\/sh\] as 1\n$/,
  );
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.length, 5);
  assertMatch(lines[1]!, new RegExp(String.raw`^ +1 \S+ +.*${CHILD}$`));
  assertMatch(lines[2]!, /\/bin\/sh$/);
  assertEquals(lines[4], "container");
});

test("run announces its command on standard error, as Go prints a slice", async () => {
  const { stdout, stderr } = await container(
    ["run", "--rootfs", rootfs(), "echo", "a b", "c"],
  );
  assertEquals(stdout, "a b c\n");
  assertMatch(
    stderr,
    /^running \[echo a b c\] as \d+\nrunning \[echo a b c\] as 1\n$/,
  );
});

test("run --no-init announces the command once, and the command is PID 1", async () => {
  const { stdout, stderr } = await container(
    [
      "run",
      "--no-init",
      "--rootfs",
      rootfs(),
      "sh",
      "-c",
      "echo $$; ps | wc -l",
    ],
  );
  // The shell, ps and wc, below the title.
  assertMatch(stdout, /^1\n[34]\n$/);
  assertMatch(stderr, /^running \[sh -c echo \$\$; ps \| wc -l\] as \d+\n$/);
});

for (const quiet of ["-q", "--quiet"]) {
  test(`run ${quiet} prints nothing of its own`, async () => {
    const { stdout, stderr } = await container(
      ["run", "--rootfs", rootfs(), quiet, "echo", "hi"],
    );
    assertEquals([stdout, stderr], ["hi\n", ""]);
  });
}

test("run uses ./fs if no --rootfs is given", async () => {
  await using dir = new TempDir();
  await Deno.symlink(rootfs(), `${dir.path}/fs`);
  const { stdout } = await container(["run", "-q", "echo", "hi"], {
    cwd: dir.path,
  });
  assertEquals(stdout, "hi\n");
});

test("--rootfs accepts a relative path, a link, and a path with spaces", async () => {
  await using dir = new TempDir();
  await Deno.symlink(rootfs(), `${dir.path}/a link, ünïcode`);
  for (const path of ["a link, ünïcode", "./a link, ünïcode/"]) {
    const { stdout, stderr } = await container(
      ["run", "--rootfs", path, "-q", "pwd"],
      { cwd: dir.path },
    );
    assertEquals([stdout, stderr], ["/\n", ""]);
  }
});

test("run starts the command with a clean environment", async () => {
  const { stdout } = await run(["env"], {
    env: { SECRET: "hunter2", LANG: "C" },
  });
  assertEquals(
    stdout.trim().split("\n").toSorted(),
    ["HOME=/root", "HOSTNAME=container", "PATH=/bin:/sbin:/usr/bin:/usr/sbin"],
  );
});

test("run sets TERM if standard input is a terminal", async () => {
  await using terminal = startTerminal(shellLine(runWords("-q", "env")));
  await terminal.expect(/TERM=vt100\r\n/);
  assertEquals(await terminal.end(), 0);
}, { skip: NO_SCRIPT });

test("-e and --env set variables; the last value counts, and a name alone is passed on", async () => {
  const { stdout } = await run(
    [
      "-e",
      "A=1",
      "--env",
      "B=x=y z",
      "--env=A=2",
      "-eC=3",
      "-e",
      "D",
      "-e",
      "NONE",
      "-e",
      "E=",
      "env",
    ],
    { env: { D: "from the caller" } },
  );
  const lines = stdout.trim().split("\n");
  for (const line of ["A=2", "B=x=y z", "C=3", "D=from the caller", "E="]) {
    assertEquals(lines.filter((entry) => entry === line).length, 1, line);
  }
  assertEquals(lines.filter((entry) => /^(NONE|A=1)/.test(entry)), []);
});

test("-e PATH decides where the command is searched", async () => {
  const { status } = await run(["-e", "PATH=/nowhere", "echo", "hi"]);
  assertEquals(status, 127);
  const { stdout } = await run(["-e", "PATH=/nowhere:/bin", "echo", "hi"]);
  assertEquals(stdout, "hi\n");
});

test("--env-host passes the caller's environment on", async () => {
  const { stdout } = await run(["--env-host", "-e", "B=2", "env"], {
    clearEnv: true,
    env: {
      PATH: "/bin:/usr/bin",
      HOME: Deno.env.get("HOME") ?? "/root",
      A: "1",
      B: "1",
    },
  });
  const lines = stdout.trim().split("\n");
  assertEquals(lines.includes("A=1"), true);
  assertEquals(lines.includes("B=2"), true);
  assertEquals(lines.includes("HOSTNAME=container"), false);
});

test("--hostname sets the name for uname and the environment", async () => {
  const { stdout } = await run(
    ["--hostname", "other", "sh", "-c", "hostname; echo $HOSTNAME"],
  );
  assertEquals(stdout, "other\nother\n");
});

test("-w and --workdir set the directory in which the command starts", async () => {
  assertEquals((await run(["-w", "/tmp", "pwd"])).stdout, "/tmp\n");
  assertEquals((await run(["--workdir=/bin", "pwd"])).stdout, "/bin\n");
  assertEquals((await run(["pwd"], { cwd: "/usr" })).stdout, "/\n");
});

test("run takes flags only before the first word that is not one", async () => {
  const { stdout } = await run(["echo", "-q", "--hostname", "x", "--", "-h"]);
  assertEquals(stdout, "-q --hostname x -- -h\n");
  assertEquals((await run(["--", "echo", "--help"])).stdout, "--help\n");
  assertMatch((await run(["ls", "-l", "/"])).stdout, /^d.* proc$/m);
});

test("run passes arguments on byte for byte", async () => {
  const words = ["", " ", "a\nb", "ünï ☃ 🐧", "'\"$`\\", "*"];
  const { stdout } = await run(["printf", "[%s]\\n", ...words]);
  assertEquals(stdout, words.map((word) => `[${word}]\n`).join(""));
});

test("run accepts a command line of 100 kB and 1000 words", async () => {
  const words = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(100, "x"));
  const { stdout } = await run(["sh", "-c", "echo $#", "sh", ...words]);
  assertEquals(stdout, "1000\n");
});

test("run makes /proc in a root filesystem that lacks it", async () => {
  await using dir = new TempDir();
  const path = await copyRootfs(dir.path);
  await Deno.remove(`${path}/proc`);
  const { status, stdout } = await container(
    ["run", "--rootfs", path, "-q", "cat", "/proc/self/comm"],
  );
  assertEquals([status, stdout], [0, "cat\n"]);
});

test("--chroot changes the root by chroot", async () => {
  const { stdout } = await run([
    "--chroot",
    "sh",
    "-c",
    "pwd; ls /proc/1/comm",
  ]);
  assertEquals(stdout, "/\n/proc/1/comm\n");
});

test("run makes the command a child of PID 1 and leader of a process group", async () => {
  const { stdout } = await runShell("cut -d' ' -f1,4,5 /proc/$$/stat");
  const [pid, parent, group] = stdout.trim().split(" ");
  assertEquals([parent, group], ["1", pid]);
});
