/** The flags of exec, the process file that engines pass, and refusals. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { execute, shellLine, test } from "../_harness.ts";
import { exec, prints, running, words } from "../_exec.ts";

test("exec has the flags of runc, and those of docker", async () => {
  await using container = await running();
  const { bundle } = container;
  const table: [string[], string, string][] = [
    [["--cwd", "/tmp"], "pwd", "/tmp"],
    [["-w", "/bin"], "pwd", "/bin"],
    [["--env", "A=1", "-e", "B=x y", "--env=C=2"], "echo $A $B $C", "1 x y 2"],
    [["-e", "HOME=/x"], "echo $HOME", "/x"],
    [["-u", "1000"], "id -u; id -g; echo $HOME", "1000\n0\n/"],
    [["--user=12:34"], "id -u; id -g", "12\n34"],
    [["-u", "nobody"], "id -un", "nobody"],
    [["-user", "5:6", "-g", "7", "-additional-gids=8"], "id -G", "6 7 8"],
    [
      ["--no-new-privs=false"],
      "grep NoNewPrivs /proc/self/status",
      "NoNewPrivs:\t0",
    ],
    [["-i"], "cat", ""],
  ];
  for (const [flags, script, wanted] of table) {
    assertEquals(await prints(bundle, script, ...flags), wanted, script);
  }
  const bounding = async (...flags: string[]) =>
    BigInt(
      `0x${
        (await prints(bundle, "grep CapBnd /proc/self/status", ...flags)).slice(
          -16,
        )
      }`,
    );
  const SYS_TIME = 1n << 25n;
  assertEquals(
    await bounding("-c", "CAP_SYS_TIME"),
    await bounding() | SYS_TIME,
  );
  assertEquals(
    (await exec(bundle, ["one", "cat"], { stdin: "passed on" })).stdout,
    "passed on",
  );
  const kept = await execute([
    "sh",
    "-c",
    `exec 3</etc/hostname; exec ${
      shellLine(
        words(
          bundle,
          ...["exec", "--preserve-fds", "1", "one", "sh", "-c"],
          "cat <&3 | wc -l; ls /proc/$$/fd; true",
        ),
      )
    }`,
  ]);
  assertEquals(
    kept.stdout,
    "1\n0\n1\n2\n3\n",
    kept.stderr,
  );
}, { rootOnly: "it is other users inside, and names the container's cgroups" });

test("exec --process FILE runs a process as engines pass it", async () => {
  await using container = await running((config) => {
    Object.assign(config.process, {
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 123, hard: 123 }],
    });
  });
  const { bundle } = container;
  const file = `${bundle.dir.path}/process.json`;
  const runs = async (process: Record<string, unknown>) => {
    await Deno.writeTextFile(
      file,
      JSON.stringify({ cwd: "/", user: { uid: 0, gid: 0 }, ...process }),
    );
    return await exec(bundle, ["--process", file, "one"]);
  };
  const given = await runs({
    args: ["sh", "-c", "id -u; id -G; pwd; echo $A; umask; ulimit -n"],
    user: { uid: 9, gid: 8, additionalGids: [7], umask: 0o27 },
    cwd: "/tmp",
    env: ["PATH=/bin", "A=b"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 99, hard: 100 }],
  });
  assertEquals(
    [given.status, given.stdout, given.stderr],
    [0, "9\n8 7\n/tmp\nb\n0027\n99\n", ""],
  );
  // What it leaves out gives no more than the container has.
  const left = await runs({
    args: ["sh", "-c", "grep -E 'CapBnd|NoNew' /proc/self/status; ulimit -n"],
    env: ["PATH=/bin"],
  });
  assertEquals(
    left.stdout,
    `${await prints(
      bundle,
      "grep -E 'CapBnd|NoNew' /proc/self/status",
    )}\n123\n`,
  );
  const none = await runs({
    args: ["grep", "CapBnd", "/proc/self/status"],
    env: ["PATH=/bin"],
    capabilities: {},
  });
  assertEquals(none.stdout, "CapBnd:\t0000000000000000\n");
  const wrong = await runs({ args: [], env: [] });
  assertEquals(wrong.status, 125);
  assertStringIncludes(wrong.stderr, "args");
  const missing = await exec(bundle, ["--process", "/nosuch", "one"]);
  assertEquals(missing.status, 125);
  assertStringIncludes(missing.stderr, "/nosuch: no such file");
}, { rootOnly: "it is other users inside" });

test(
  "exec reports a command that cannot be executed in the words that engines look for",
  async () => {
    await using container = await running();
    const { bundle } = container;
    const table: [string[], number, string][] = [
      [
        ["one", "nosuch"],
        127,
        'exec: "nosuch": executable file not found in $PATH',
      ],
      [
        ["one", "/nosuch"],
        127,
        'exec: "/nosuch": stat /nosuch: no such file or directory',
      ],
      [["one", "/etc"], 126, 'exec: "/etc": permission denied'],
      [["one", "/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'],
      [["--cwd", "/nosuch", "one", "true"], 125, "no such file or directory"],
      [["--cwd", "x", "one", "true"], 125, "Cwd must be an absolute path"],
      [["none", "true"], 125, "container does not exist"],
      [["one"], 125, "process args cannot be empty"],
      [[], 125, "needs a container and a command"],
      [["-dt", "one", "true"], 125, "without setting console socket"],
      [
        ["--console-socket", "/x", "one", "true"],
        125,
        "cannot use console socket",
      ],
      [["--preserve-fds", "1", "one", "true"], 125, "descriptor 3 is not open"],
      [
        ["--cgroup", "../x", "one", "true"],
        125,
        "outside the container's cgroup",
      ],
      [["--cgroup", "nosuch", "one", "true"], 125, "no such file or directory"],
      [["-c", "CAP_NOSUCH", "one", "true"], 125, "Unknown capability"],
      [["-u", "nosuch", "one", "true"], 125, "no such user"],
    ];
    for (const [args, status, text] of table) {
      for (const flags of [[], ["--detach"]]) {
        if (flags.length && /console|descriptor/.test(text)) continue;
        const file = `${bundle.dir.path}/pid`;
        const result = await exec(bundle, [
          "--pid-file",
          file,
          ...flags,
          ...args,
        ]);
        const what = args.join(" ");
        assertEquals(
          [result.status, result.stdout],
          [status, ""],
          what + result.stderr,
        );
        assertStringIncludes(result.stderr, text, what);
        assert(!result.stderr.includes("    at "), result.stderr);
        assertEquals(await exists(file), false, `${what} leaves a pid file`);
      }
    }
  },
  { rootOnly: "it names the container's cgroups" },
);

const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);
