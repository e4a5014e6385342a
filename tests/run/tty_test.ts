/**
 * A terminal of the container's own, connected to the caller's: the default on
 * a terminal, and with `-t` in every case.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import {
  copyRootfs,
  execute,
  type Mode,
  shellLine,
  startTerminal,
  TempDir,
  testBoth as bothModes,
  without,
} from "../_harness.ts";
import { CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, sleeping } from "../_keys.ts";

const testBoth = (name: string, fn: (mode: Mode) => Promise<void>) =>
  bothModes(`own terminal: ${name}`, fn, { skip: without("script") });

const withTerminal = (mode: Mode, ...words: string[]) =>
  shellLine(mode.runWords("-q", ...words));

const inside = (mode: Mode, script: string) =>
  withTerminal(mode, "sh", "-c", script);

testBoth(
  "run gives the container a terminal of its own on all three streams",
  async (mode) => {
    await using terminal = startTerminal(
      `echo outer=$(tty)=; ${
        inside(
          mode,
          "tty; tty <&1; tty <&2; ls -1 /dev/console /dev/pts; [ -c /dev/console ] && echo console; echo error >&2; exit 7",
        )
      }; echo status $?`,
    );
    await terminal.expect(/outer=\/dev\/\S+=\r\n/);
    await terminal.expect(
      /\/dev\/pts\/0\r\n\/dev\/pts\/0\r\n\/dev\/pts\/0\r\n/,
    );
    await terminal.expect(
      /^\/dev\/console\r\n\r\n\/dev\/pts:\r\n0\r\nptmx\r\n/,
    );
    await terminal.expect(/^console\r\nerror\r\nstatus 7\r\n/);
    assertEquals(await terminal.end(), 0);
  },
);

testBoth("run gives the terminal to the user of the command", async (mode) => {
  const words = ["-u", "1000:1000", "sh", "-c", "echo own >/dev/pts/0"];
  await using terminal = startTerminal(withTerminal(mode, ...words));
  await terminal.expect(/^own\r\n/);
  assertEquals(await terminal.end(), 0);
});

testBoth("run keeps the size of the outer terminal", async (mode) => {
  await using terminal = startTerminal(
    `stty rows 33 cols 111; echo outer=$(tty)=; exec ${
      inside(
        mode,
        "stty size; trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.05; done",
      )
    }`,
  );
  const [, tty] = await terminal.expect(/outer=(.*)=\r\n/);
  await terminal.expect(/33 111\r\nready\r\n/);
  await execute(["stty", "-F", tty!, "rows", "44", "cols", "99"]);
  await terminal.expect(/^44 99\r\n/);
  assertEquals(await terminal.end(), 4);
});

testBoth("the terminal has the settings of the outer one", async (mode) => {
  await using terminal = startTerminal(
    `stty iutf8 -ixon -echoctl tostop intr ^E erase ^H; ${
      withTerminal(mode, "stty", "-a")
    }; echo over`,
  );
  await terminal.expect(/over\r\n/);
  for (const setting of ["iutf8", "-ixon", "-echoctl", "tostop"]) {
    assertMatch(terminal.output, new RegExp(`[ \n]${setting}[ \r]`));
  }
  assertMatch(terminal.output, /intr = \^E; .* erase = \^H;/);
  assertEquals(await terminal.end(), 0);
});

testBoth("Ctrl-C reaches the container once", async (mode) => {
  await using terminal = startTerminal(
    `${
      inside(
        mode,
        "n=0; trap 'n=$((n + 1)); echo int $n' INT; trap 'echo end $n; exit 6' QUIT; echo ready; while :; do sleep 0.05; done",
      )
    }; echo status $?`,
  );
  await terminal.expect(/ready\r\n/);
  for (const count of [1, 2]) {
    await terminal.send(CTRL_C);
    await terminal.expect(new RegExp(`int ${count}\r\n`));
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await terminal.send(CTRL_BACKSLASH);
  await terminal.expect(/end 2\r\n/);
  await terminal.expect(/status 6\r\n/);
  await terminal.end();
});

testBoth(
  "a shell inside has job control, and its Ctrl-Z stays inside",
  async (mode) => {
    await using terminal = startTerminal(
      `stty cols 400; ${
        withTerminal(mode, "-e", "PS1=in> ", "sh")
      }; echo status $?`,
    );
    await terminal.expect(/in> /);
    await terminal.send("sleep 1000\r");
    await sleeping(terminal);
    await terminal.send(CTRL_Z);
    await terminal.expect(/Stopped.*\r\nin> /);
    await terminal.send("kill -9 %1; wait; echo $((40 + 2))\r");
    await terminal.expect(/\r\n42\r\n(.*\r\n)?in> /);
    await terminal.send("sleep 1000\r");
    await sleeping(terminal);
    await terminal.send(CTRL_C);
    await terminal.expect(/in> /);
    await terminal.send("exit 9\r");
    await terminal.expect(/status 9\r\n/);
    assertNotMatch(terminal.output, /can't access tty|job control turned off/);
    await terminal.end();
  },
);

testBoth("Ctrl-D is the end of input", async (mode) => {
  await using terminal = startTerminal(
    `${withTerminal(mode, "cat")}; echo status $?`,
  );
  await terminal.send("line\r");
  await terminal.expect(/line\r\nline\r\n/);
  await terminal.send(CTRL_D);
  await terminal.expect(/status 0\r\n/);
  await terminal.end();
});

testBoth(
  "run puts the outer terminal into raw mode and restores it afterwards",
  async (mode) => {
    await using terminal = startTerminal(
      `echo outer=$(tty)=; before=$(stty -a); ${
        inside(mode, "echo ready; read x; echo got $x")
      }; [ "$before" = "$(stty -a)" ] && echo same; read y; echo then $y`,
    );
    const [, tty] = await terminal.expect(/outer=(.*)=\r\n/);
    await terminal.expect(/ready\r\n/);
    const { stdout } = await execute(["stty", "-F", tty!, "-a"]);
    assertMatch(stdout, /-icanon/);
    assertMatch(stdout, /-echo /);
    await terminal.send("word\r");
    await terminal.expect(/got word\r\n/);
    await terminal.expect(/same\r\n/);
    await terminal.send("line\n");
    await terminal.expect(/then line\r\n/);
    await terminal.end();
  },
);

testBoth(
  "run leaves the outer terminal unchanged if the command cannot be run",
  async (mode) => {
    await using terminal = startTerminal(
      `before=$(stty -a); ${
        withTerminal(mode, "no-such-command")
      }; echo status $?; [ "$before" = "$(stty -a)" ] && echo same`,
    );
    await terminal.expect(/no-such-command: not found[^\n]*\r?\n/);
    await terminal.expect(/status 127\r\n/);
    await terminal.expect(/same\r\n/);
    await terminal.end();
  },
);

testBoth(
  "run keeps input from inside away from the outer terminal (TIOCSTI)",
  async (mode) => {
    // The device number of the outer terminal refers to nothing inside.
    await using terminal = startTerminal(
      inside(mode, "ls -l /proc/self/fd/0; readlink /proc/self/fd/0; exit 0"),
    );
    await terminal.expect(/\/dev\/pts\/0\r\n/);
    assertEquals(await terminal.end(), 0);
  },
);

testBoth("run passes on all output, whatever its length", async (mode) => {
  await using terminal = startTerminal(
    `stty cols 200; ${inside(mode, "seq 100000; echo over")}; echo status $?`,
  );
  await terminal.expect(/\r\n100000\r\nover\r\nstatus 0\r\n/);
  const numbers = terminal.output.match(/^\d+(?=\r)/gm)!;
  assertEquals(numbers.length, 100000);
  await terminal.end();
});

testBoth("each line of the announcement begins at the left", async (mode) => {
  const words = mode.runWords("sh", "-c", "echo one; echo two");
  await using terminal = startTerminal(shellLine(words));
  const lines = mode.init ? 2 : 1;
  await terminal.expect(
    new RegExp(`^(running \\[sh -c [^\\n]*\\] as \\d+\\r\\n){${lines}}`),
  );
  await terminal.expect(/^one\r\ntwo\r\n/);
  assertEquals(await terminal.end(), 0);
});

testBoth(
  "run reports a new mountpoint before the command prints anything",
  async (mode) => {
    await using dir = new TempDir();
    const copy = await copyRootfs(dir.path);
    const words = mode.runWords("--rootfs", copy, "-v", "/usr:/made/here");
    await using terminal = startTerminal(
      shellLine([...words, "sh", "-c", "echo one; echo two"]),
    );
    await terminal.expect(/\r\ncontainer: created \/made[^\n]*\r\n/);
    await terminal.expect(/^(container: [^\n]*\r\n)*one\r\ntwo\r\n/);
    assertEquals(await terminal.end(), 0);
  },
);

testBoth(
  "run leaves a standard error that leads elsewhere, and -t does not",
  async (mode) => {
    await using dir = new TempDir();
    const file = `${dir.path}/errors`;
    const script = "tty; [ -t 2 ] && echo all; echo error >&2; no-such-command";
    const start = (...flags: string[]) =>
      startTerminal(
        `${
          shellLine(mode.runWords("-q", ...flags, "sh", "-c", script))
        } 2>${file}`,
      );
    await using terminal = start();
    await terminal.expect(/^\/dev\/pts\/0\r\n/);
    assertEquals(await terminal.end(), 127);
    assertMatch(await Deno.readTextFile(file), /^error\nsh: .*not found\n$/);
    await using forced = start("-t");
    await forced.expect(
      /^\/dev\/pts\/0\r\nall\r\nerror\r\nsh: .*not found\r\n/,
    );
    assertEquals(await forced.end(), 127);
    assertEquals(await Deno.readTextFile(file), "");
  },
);

testBoth(
  "-t prints the program's own messages to standard error",
  async (mode) => {
    await using dir = new TempDir();
    const file = `${dir.path}/errors`;
    await using terminal = startTerminal(
      `${withTerminal(mode, "-t", "no-such-command")} 2>${file}`,
    );
    assertEquals(await terminal.end(), 127);
    assertMatch(
      await Deno.readTextFile(file),
      /^container: Cannot run no-such-command: not found .*\n$/,
    );
    assertEquals(terminal.output, "");
  },
);

for (const flags of [["-T"], ["--no-tty"], ["--tty=false"], ["-t", "-T"]]) {
  testBoth(`${flags.join(" ")} shares the terminal`, async (mode) => {
    await using terminal = startTerminal(
      withTerminal(mode, ...flags, "sh", "-c", "tty; test -t 0; echo $?"),
    );
    await terminal.expect(/^not a tty\r\n0\r\n/);
    assertEquals(await terminal.end(), 0);
  });
}

// The command writes what it reads, and the terminal echoes it, so both
// directions are full at once.
testBoth(
  "run passes on 100 kB of pasted input while as much output comes back",
  async (mode) => {
    const line = "0123456789".repeat(10);
    const count = 1000;
    await using terminal = startTerminal(
      `${
        inside(mode, "echo ready; cat | tee /dev/stderr | md5sum")
      }; echo status $?`,
    );
    await terminal.expect(/ready\r\n/);
    await terminal.send(`${line}\r`.repeat(count));
    await terminal.send(CTRL_D);
    const { stdout } = await execute(["md5sum"], {
      stdin: `${line}\n`.repeat(count),
    });
    await terminal.expect(new RegExp(stdout.trim().replace("-", "")));
    await terminal.expect(/status 0\r\n/);
    await terminal.end();
  },
);

testBoth("run keeps input from before the command runs", async (mode) => {
  await using terminal = startTerminal(
    `${withTerminal(mode, "cat")}; echo status $?`,
  );
  await terminal.send("early\r");
  await terminal.send(CTRL_D);
  await terminal.expect(/early\r\n/);
  await terminal.expect(/status 0\r\n/);
  assertEquals(terminal.output.includes("\0"), false);
  await terminal.end();
});

testBoth("run ends the command if its reader ends", async (mode) => {
  const { status } = await execute([
    "sh",
    "-c",
    `${shellLine(mode.runWords("-q", "-t", "yes"))} </dev/null | head -n 1`,
  ]);
  assertEquals(status, 0);
});

testBoth(
  "run makes no terminal if a mount covers /dev/pts",
  async (mode) => {
    await using terminal = startTerminal(
      withTerminal(mode, "--tmpfs", "/dev/pts", "tty"),
    );
    await terminal.expect(/^not a tty\r\n/);
    await terminal.end();
  },
);

bothModes(
  "-t makes a terminal inside even if there is none outside",
  async (mode) => {
    const { status, stdout } = await mode.run(
      ["-t", "sh", "-c", "tty; read x; echo got $x; exit 3"],
      { stdin: "word\n" },
    );
    assertEquals(status, 3);
    assertMatch(stdout, /\/dev\/pts\/0\r\n/);
    assertMatch(stdout, /got word\r\n$/);
  },
);

bothModes("-t passes on the end of a pipe as end of input", async (mode) => {
  const { status, stdout } = await mode.run(["-t", "cat"], { stdin: "word\n" });
  assertEquals(status, 0);
  assertMatch(stdout, /word\r\nword\r\n/);
  assertEquals((await mode.run(["-t", "cat"])).status, 0);
});

testBoth(
  "a hang-up of the terminal ends the container, whatever signals it ignores",
  async (mode) => {
    await using terminal = startTerminal(
      inside(mode, "trap '' HUP TERM; echo ready; while :; do sleep 1; done"),
    );
    await terminal.expect(/ready\r\n/);
    // Every test checks afterwards that nothing is left.
    terminal.kill("SIGKILL");
    await terminal.end();
  },
);
