/**
 * A bundle's process until its execve, as with runc, and its end: its home, its
 * working directory, its processors, a command that cannot be executed, signals
 * before start, and no PID namespace of its own.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { CONTAINER, execute, test, until, without } from "../_harness.ts";

/** Changes the bundle's configuration. */
async function change(
  bundle: Bundle,
  more: (config: Config) => void,
): Promise<void> {
  const file = `${bundle.dir.path}/config.json`;
  const config = JSON.parse(await Deno.readTextFile(file)) as Config;
  more(config);
  await Deno.writeTextFile(file, JSON.stringify(config));
}

const ran = (bundle: Bundle) =>
  bundle.call("run", "--bundle", bundle.dir.path, "one");

test("a bundle's limits keep all 64 bits, also for exec", async () => {
  const [soft, hard] = ["9223372036854775806", "9223372036854775807"];
  await using bundle = await Bundle.make(["sleep", "1000"], ({ process }) => {
    const rlimits = [{ type: "RLIMIT_AS", soft: "SOFT", hard: "HARD" }];
    Object.assign(process, { rlimits });
  });
  const file = `${bundle.dir.path}/config.json`;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(
    file,
    text.replace('"SOFT"', soft).replace('"HARD"', hard),
  );
  await bundle.create("one");
  assertEquals((await bundle.call("start", "one")).stderr, "");
  const limits = "grep 'address space' /proc/self/limits";
  const { stdout, stderr } = await bundle.call(
    "exec",
    "one",
    "sh",
    "-c",
    limits,
  );
  assertEquals(stderr, "");
  assertEquals(stdout.split(/\s{2,}/).slice(1, 3), [soft, hard]);
  await bundle.call("delete", "--force", "one");
});

test("a bundle's process without HOME gets the home of its passwd", async () => {
  const passwd = "root:x:0:0::/rooted:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh";
  await using bundle = await Bundle.make([
    ...["sh", "-c", 'env | grep ^HOME=; echo "$HOME"'],
  ]);
  const { path } = bundle.dir;
  await Deno.writeTextFile(`${path}/rootfs/etc/passwd`, passwd);
  await Deno.writeTextFile(`${path}/other`, "root:x:0:0::/elsewhere:/bin/sh");
  const bind = {
    destination: "/etc/passwd",
    type: "bind",
    source: `${path}/other`,
    options: ["bind", "ro"],
  };
  for (
    const [env, uid, mounts, home] of [
      [[], 0, [], "/rooted"],
      [["HOME="], 1000, [], "/home/u"],
      [["HOME=/x", "HOME="], 55, [], "/"],
      [["HOME=/x"], 0, [], "/x"],
      [[], 0, [bind], "/elsewhere"],
    ] as const
  ) {
    await change(bundle, (config) => {
      Object.assign(config.process, {
        env: ["PATH=/bin", ...env],
        user: { uid, gid: uid },
      });
      config.mounts = config.mounts.filter(({ destination }) =>
        destination !== bind.destination
      );
      config.mounts.push(...mounts.map((one) => ({
        ...one,
        options: [...one.options],
      })));
    });
    assertEquals((await ran(bundle)).stdout, `HOME=${home}\n${home}\n`);
  }
  // A process that exec adds may have another user.
  await change(bundle, (config) => {
    config.mounts.pop();
    config.process.args = ["sleep", "1000"];
    Object.assign(config.process, { env: ["PATH=/bin", "HOME="] });
  });
  await bundle.create("two");
  const added = (user: string) =>
    bundle.does("exec", "--user", user, "two", "env");
  assertMatch(await added("0"), /^HOME=\/rooted$/m);
  const other = await added("1000");
  assertEquals(other.match(/^HOME=.*$/gm), ["HOME=/home/u"]);
});

test("a working directory may be closed to the user, or to root", async () => {
  await using bundle = await Bundle.make(["pwd"]);
  const { path } = bundle.dir;
  await Deno.mkdir(`${path}/rootfs/closed`, { mode: 0o700 });
  await Deno.mkdir(`${path}/rootfs/mine`, { mode: 0o700 });
  await Deno.chown(`${path}/rootfs/mine`, 1000, 1000);
  const start = async (cwd: string, uid: number, more: unknown = {}) => {
    await change(bundle, (config) => {
      Object.assign(config.process, { cwd, user: { uid, gid: uid } }, more);
    });
    return await ran(bundle);
  };
  for (
    const [cwd, uid] of [
      ...[["/closed", 1000], ["/mine", 1000], ["/mine", 0]] as const,
    ]
  ) {
    const { status, stdout, stderr } = await start(cwd, uid, {
      capabilities: {},
    });
    assertEquals([status, stdout, stderr], [0, `${cwd}\n`, ""]);
  }
  await change(bundle, (config) => {
    config.process.args = ["sleep", "1000"];
  });
  await bundle.create("two");
  const added = (...flags: string[]) =>
    bundle.call("exec", "--user", "1000:1000", ...flags, "two", "pwd");
  assertEquals((await added("--cwd", "/closed")).stdout, "/closed\n");
  const missing = await added("--cwd", "/none");
  assertEquals([missing.status, missing.stdout], [125, ""]);
  assertStringIncludes(missing.stderr, "chdir: no such file or directory");
});

test("a bundle's process runs on all processors of its cgroup", async () => {
  await using bundle = await Bundle.make([
    ...["grep", "Cpus_allowed_list", "/proc/self/status"],
  ]);
  const state = `${bundle.dir.path}/state`;
  const pinned = (...words: string[]) =>
    execute(["taskset", "-c", "0", ...CONTAINER, "--root", state, ...words]);
  const all = await execute(["grep", "Cpus_allowed_list", "/proc/self/status"]);
  const { path } = bundle.dir;
  const one = await pinned("run", "--bundle", path, "one");
  assertEquals([one.stderr, one.stdout], ["", all.stdout]);
  await change(bundle, (config) => config.process.args = ["sleep", "1000"]);
  await bundle.create("two");
  const added = await pinned(
    ...["exec", "two", "grep", "Cpus_allowed_list", "/proc/self/status"],
  );
  assertEquals([added.stderr, added.stdout], ["", all.stdout]);
}, { skip: without("taskset") });

test("start reports a command that cannot be executed, every time", async () => {
  await using bundle = await Bundle.make(["/bin/script"], (config) => {
    config.mounts.push({
      destination: "/more",
      type: "tmpfs",
      source: "tmpfs",
    });
  });
  const { path } = bundle.dir;
  const place = `${path}/rootfs/bin`;
  for (
    const [name, content, status, words] of [
      ["script", "#!/no/such\n", 127, "its interpreter /no/such"],
      ["crlf", "#!/bin/sh\r\n", 127, "its interpreter /bin/sh\\r is not"],
      ["loop", "#!/bin/loop\n", 127, "(ELOOP), its interpreter /bin/loop"],
      ["broken", "\x7fELF\x02\x01\x01none", 126, "exec format error"],
      ["text", "some words\n", 126, "exec format error"],
    ] as const
  ) {
    await Deno.writeTextFile(`${place}/${name}`, content, { mode: 0o755 });
    await change(bundle, (config) => config.process.args = [`/bin/${name}`]);
    const together = await ran(bundle);
    assertEquals([together.status, together.stdout], [status, ""]);
    assertStringIncludes(together.stderr, words);
    await bundle.create("two");
    for (let turn = 0; turn < 2; turn++) {
      const started = await bundle.call("start", "two");
      assertEquals([started.status, started.stdout], [status, ""]);
      assertStringIncludes(started.stderr, words);
    }
    assertEquals(await bundle.status("two"), "stopped");
    await bundle.does("delete", "two");
    // A process that exec adds fails with the same words.
    await change(bundle, (config) => config.process.args = ["sleep", "1000"]);
    await bundle.create("three");
    for (const flags of [[], ["--detach"]]) {
      const added = await bundle.call(
        "exec",
        ...flags,
        "three",
        `/bin/${name}`,
      );
      assertEquals([added.status, added.stdout], [status, ""]);
      assertStringIncludes(added.stderr, words);
    }
    await bundle.does("delete", "--force", "three");
  }
});

test("kill ends a created container, and a pause lasts until resume", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  for (const words of [[], ["HUP"], ["--all", "INT"]]) {
    const [flags, names] = words.length > 1
      ? [words.slice(0, 1), words.slice(1)]
      : [[], words];
    await bundle.create("one");
    await bundle.does("kill", ...flags, "one", ...names);
    await until("end", async () => await bundle.status("one") === "stopped");
    await bundle.does("delete", "one");
  }
  await bundle.create("one");
  await bundle.does("kill", "one", "USR1");
  assertEquals(await bundle.status("one"), "created");
  await bundle.does("pause", "one");
  assertEquals(await bundle.status("one"), "paused");
  const paused = await bundle.call("start", "one");
  assertEquals(paused.status, 125);
  assertStringIncludes(paused.stderr, "cannot start a paused container");
  await bundle.does("resume", "one");
  assertEquals(await bundle.status("one"), "created");
  await bundle.does("start", "one");
  assertEquals(await bundle.status("one"), "running");
});

test("kill KILL ends all processes in a shared PID namespace", async () => {
  const mark = 1000 + Deno.pid % 1000 + 0.5;
  const running = async () => {
    const { stdout } = await execute(["pgrep", "-fc", `^sleep ${mark}`]);
    return Number(stdout);
  };
  await using bundle = await Bundle.make(
    ["sh", "-c", `sleep ${mark} & sleep ${mark} & exec sleep ${mark}`],
    ({ linux }) => {
      linux.namespaces = (linux.namespaces as { type: string }[])
        .filter(({ type }) => type !== "pid");
    },
  );
  for (const flags of [[], ["--all"]]) {
    await bundle.create("one");
    await bundle.does("start", "one");
    await until("three", async () => await running() === 3);
    await bundle.does("kill", ...flags, "one", "KILL");
    await until("none", async () => await running() === 0);
    await until("end", async () => await bundle.status("one") === "stopped");
    await bundle.does("delete", "one");
  }
  // The others outlive the first process, and KILL still reaches them.
  await bundle.create("one");
  await bundle.does("start", "one");
  await until("three", async () => await running() === 3);
  const { pid } = JSON.parse(await bundle.does("state", "one"));
  Deno.kill(pid, "SIGKILL");
  await until("two", async () => await running() === 2);
  await bundle.does("kill", "one", "KILL");
  await until("none", async () => await running() === 0);
  assertEquals((await bundle.call("kill", "one", "KILL")).status, 125);
}, { skip: without("pgrep") });

test(
  "a bundle's terminal ends lines with LF if its output is a pipe",
  async () => {
    await using bundle = await Bundle.make(
      ["sh", "-c", "echo one; stty -a"],
      (config) => config.process.terminal = true,
    );
    const piped = await ran(bundle);
    assertMatch(piped.stdout, /^one\n/);
    assertStringIncludes(piped.stdout, "-onlcr");
    // Everything else is the kernel's default for a new terminal.
    const usual = await execute(["script", "-qec", "stty -a", "/dev/null"]);
    const known =
      /(?<= |^)-?(icanon|isig|iexten|echo|echoe|echok|echoctl|echoke|icrnl|ixon|opost|cread)\b/gm;
    const settings = (text: string) => text.match(known)!.sort();
    assertEquals(settings(piped.stdout), settings(usual.stdout));
    await change(bundle, (config) => {
      config.process.args = ["sleep", "1000"];
      config.process.terminal = false;
    });
    await bundle.create("two");
    const added = await bundle.call("exec", "--tty", "two", "echo", "one");
    assertEquals(added.stdout, "one\n");
  },
  { skip: without("script") },
);
