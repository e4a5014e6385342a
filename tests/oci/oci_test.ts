/** The commands of an OCI runtime, with bundles of our own. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { container, test, until } from "../_harness.ts";

const file = (bundle: Bundle, name: string) => `${bundle.dir.path}/${name}`;

test("create, start, kill and delete a container, with its state after each", async () => {
  await using bundle = await Bundle.make([
    "sh",
    "-c",
    "echo $$ >/out; sleep 1000",
  ]);
  await bundle.create("one", "--pid-file", file(bundle, "pid"));
  const state = JSON.parse(await bundle.does("state", "one"));
  assertEquals([state.id, state.status], ["one", "created"]);
  assertEquals(
    await Deno.readTextFile(file(bundle, "pid")),
    String(state.pid),
  );
  // Our program is not inside: the walker waits, and is small.
  const status = await Deno.readTextFile(`/proc/${state.pid}/status`);
  assert(Number(status.match(/^VmRSS:\s*(\d+)/m)?.[1]) < 512, status);
  await bundle.does("start", "one");
  await until("it runs", async () => {
    const text = await Deno.readTextFile(file(bundle, "rootfs/out"))
      .catch(() => "");
    return text === "1\n";
  });
  assertEquals(await bundle.status("one"), "running");
  assertMatch(
    await bundle.does("list"),
    /^ID .* OWNER\none .* running .* \w+$/m,
  );
  // As with kill(2), 0 only asks whether the process exists.
  await bundle.does("kill", "one", "0");
  await bundle.does("kill", "one", "KILL");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  await bundle.does("delete", "one");
  assertEquals(JSON.parse(await bundle.does("list", "--format", "json")), []);
});

test("a container runs even if its start was killed half-way", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  await bundle.create("one");
  const fifo = `${bundle.dir.path}/state/one/start.fifo`;
  await bundle.does("start", "one");
  // As if `start` had never finished.
  const { success } = await new Deno.Command("mkfifo", { args: [fifo] })
    .output();
  assert(success);
  await bundle.give();
  assertEquals(await bundle.status("one"), "running");
  const { status, stderr } = await bundle.call("start", "one");
  assertEquals(status === 0, false);
  assertStringIncludes(stderr, "already running");
});

/** What killed commands, a full disk or a person can leave of a container. */
const BROKEN: Record<string, string | null> = {
  unrecorded: null,
  empty: "",
  half: '{"id":"half",',
  other: "{}",
  list: "[1]",
};

test("list shows a container with a broken record, and delete removes it", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  const state = file(bundle, "state");
  await bundle.create("one");
  for (const [id, text] of Object.entries(BROKEN)) {
    await Deno.mkdir(`${state}/${id}`);
    if (text !== null) {
      await Deno.writeTextFile(`${state}/${id}/state.json`, text);
    }
  }
  await bundle.give();
  const listed: { id: string; status: string }[] = JSON.parse(
    await bundle.does("list", "--format", "json"),
  );
  assertEquals(
    Object.fromEntries(listed.map(({ id, status }) => [id, status])),
    {
      ...Object.fromEntries(Object.keys(BROKEN).map((id) => [id, "broken"])),
      one: "created",
    },
  );
  assertStringIncludes(await bundle.does("ps", "--all"), "one");
  for (const id of Object.keys(BROKEN)) {
    for (
      const words of [["state"], ["start"], ["kill"], ["delete"], ["stop"], [
        "inspect",
      ]]
    ) {
      const { status, stderr } = await bundle.call(words[0]!, id);
      assertEquals(status, 125, stderr);
      assertStringIncludes(stderr, `container delete --force ${id}`);
    }
    const made = await bundle.call("create", "-b", bundle.dir.path, id);
    assertStringIncludes(made.stderr, "exists");
    await bundle.does("delete", "--force", id);
  }
  assertEquals(JSON.parse(await bundle.does("list", "-f", "json")).length, 1);
});

test("a process without capabilities in config.json has none", async () => {
  await using bundle = await Bundle.make(
    ["sh", "-c", "grep Cap /proc/self/status >/out; sleep 1000"],
    ({ process }) => {
      delete (process as { capabilities?: unknown }).capabilities;
    },
  );
  await bundle.create("one");
  await bundle.does("start", "one");
  const out = () =>
    Deno.readTextFile(file(bundle, "rootfs/out")).catch(() => "");
  await until("it has said", async () => /CapAmb/.test(await out()));
  const sets = (await out()).match(/[0-9a-f]{16}/g);
  assertEquals(sets, Array(5).fill("0".repeat(16)));
});

test("flags before the command are checked before anything is done", async () => {
  await using bundle = await Bundle.make(["true"]);
  for (
    const [flag, value, text] of [
      ["--log-format", "xml", "--log-format xml: not one of text, json"],
      [
        "--cgroup-manager",
        "mine",
        "--cgroup-manager mine: not one of cgroupfs, systemd",
      ],
      ["--rootless", "maybe", "--rootless maybe: not one of true, false, auto"],
      ["--log", file(bundle, "none/log"), "no such file or directory"],
    ] as const
  ) {
    const { status, stderr } = await container([flag, value, "state", "one"]);
    assert(status !== 0);
    assertStringIncludes(stderr, text);
    assertMatch(stderr, /^container: [^\n]*\n$/);
  }
  const { stdout } = await container(["-v"]);
  assertMatch(stdout, /^container version \d/);
  const help = await container(["--help"]);
  assertMatch(help.stdout, /^ +--systemd-cgroup /m);
});

test("create warns about members without effect, and --debug names unknown ones", async () => {
  await using bundle = await Bundle.make(["true"], (config) => {
    Object.assign(config.process, {
      capabilities: { bounding: ["CAP_KILL", "CAP_NEW"] },
      newMember: 1,
    });
  });
  const words = ["--root", file(bundle, "state")];
  const rest = ["run", "--bundle", bundle.dir.path, "one"];
  const warning =
    'process.capabilities.bounding[1]: unknown capability "CAP_NEW" is ignored';
  const unknown = "process.newMember: unknown and ignored";
  const plain = await container([...words, ...rest]);
  assertEquals([plain.status, plain.stderr], [
    0,
    `container: warning: ${warning}\n`,
  ]);
  const log = file(bundle, "log");
  const logged = await container([
    ...[...words, "--debug", "--log", log, "--log-format", "json"],
    ...rest,
  ]);
  assertEquals([logged.status, logged.stderr], [0, ""]);
  const lines = (await Deno.readTextFile(log)).trim().split("\n")
    .map((line) => JSON.parse(line))
    .map(({ level, msg }) => `${level}: ${msg}`);
  assertEquals(lines, [`warning: ${warning}`, `debug: ${unknown}`]);
});

test("create refuses a pid file that cannot be written, and leaves nothing", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  const path = file(bundle, "none/pid");
  const { status, stderr } = await bundle.call(
    "create",
    ...["--bundle", bundle.dir.path, "--pid-file", path, "one"],
  );
  assertEquals(status, 125);
  assertStringIncludes(
    stderr,
    `Cannot write the PID file ${path}: no such file or directory`,
  );
  assertEquals(await bundle.does("list", "--quiet"), "");
});

test("the commands refuse the impossible in the words that engines look for", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  const refused = async (text: string, ...words: [string, ...string[]]) => {
    const { status, stderr } = await bundle.call(...words);
    assert(status !== 0, words.join(" "));
    assertStringIncludes(stderr, text);
    assert(!stderr.includes("    at "), stderr);
  };
  for (const id of ["..", "a/b", ".", "a b"]) {
    for (
      const words of [["state"], ["kill"], ["delete"], ["delete", "--force"]]
    ) {
      await refused("invalid container ID format", ...words as ["state"], id);
    }
  }
  await refused("container id cannot be empty", "state", "");
  await refused("at most 255 characters", "state", "a".repeat(256));
  for (const command of ["state", "start", "kill", "delete"]) {
    await refused("does not exist", command, "none");
  }
  assertEquals((await bundle.call("delete", "--force", "none")).status, 0);
  await bundle.create("one");
  await refused("exists", "create", "-b", bundle.dir.path, "one");
  await bundle.does("start", "one");
  await refused("already running", "start", "one");
  await refused("not stopped", "delete", "one");
  await bundle.does("delete", "--force", "one");
  await refused("does not exist", "state", "one");
});

test(
  "flags may follow the id, and an id may begin with a dot",
  async () => {
    await using bundle = await Bundle.make(["sleep", "1000"], (config) => {
      // Without it, the cgroup is named after the id.
      delete config.linux.cgroupsPath;
    });
    await bundle.create(".one", "--");
    await bundle.does("kill", ".one", "0", "--all");
    await bundle.does("start", ".one");
    await bundle.does("update", ".one", "--pids-limit", "5");
    const pids = JSON.parse(await bundle.does("ps", "-f", "json", ".one"));
    assertEquals(pids.length, 1);
    assertMatch(await bundle.does("ps", "-f", "table", ".one"), /sleep 1000/);
    await bundle.does("events", ".one", "--stats");
    await bundle.does("kill", ".one", "sigwinch");
    await bundle.does("kill", ".one", "RTMIN+1");
    await bundle.does("kill", ".one", "kill", "-a");
    await until(
      "it is stopped",
      async () => await bundle.status(".one") === "stopped",
    );
    await bundle.does("delete", ".one", "-f");
    assertEquals(await bundle.does("list", "-f", "json"), "[]\n");
  },
  { rootOnly: "it takes a cgroup of the container's own" },
);

test("kill and delete end a container that was never started", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  await bundle.create("one");
  await bundle.does("kill", "one", "9");
  await until(
    "it is stopped",
    async () => await bundle.status("one") === "stopped",
  );
  const { status, stderr } = await bundle.call("start", "one");
  assert(status !== 0);
  assertStringIncludes(stderr, "stopped");
  await bundle.does("delete", "one");
});

for (
  const [what, change, text] of [
    ["a missing command", (config) => {
      config.process.args = ["nosuch"];
    }, "executable file not found in $PATH"],
    ["a missing path", (config) => {
      config.process.args = ["/nosuch"];
    }, "no such file or directory"],
    ["an impossible directory", (config) => {
      config.process.cwd = "/proc/nosuch";
    }, "no such file or directory"],
    ["a name with control characters", (config) => {
      config.process.args = ["\u202e\x1b[2J"];
    }, "Cannot run \\u{202e}\\u{1b}[2J"],
    ["a hook that fails", (config) => {
      config.hooks = { createRuntime: [{ path: "/bin/false" }] };
    }, "createRuntime"],
    ["an SELinux label without SELinux", (config) => {
      config.linux.mountLabel = "label";
    }, "linux.mountLabel: SELinux is not enabled"],
    ["a class of service without resctrl", (config) => {
      config.linux.intelRdt = { closID: "class" };
    }, "linux.intelRdt: no resctrl file system is mounted"],
    ["a terminal without a socket", (config) => {
      config.process.terminal = true;
    }, "console socket"],
  ] satisfies [string, (config: Config) => void, string][]
) {
  test(`create fails for ${what}, writes that to the log, and leaves nothing`, async () => {
    await using bundle = await Bundle.make(["true"], change);
    const { status, stderr } = await container([
      ...["--root", file(bundle, "state")],
      ...["--log", file(bundle, "log"), "--log-format", "json"],
      ...["create", "--bundle", bundle.dir.path, "one"],
    ]);
    assert(status !== 0);
    assertStringIncludes(stderr, text);
    const log = JSON.parse(await Deno.readTextFile(file(bundle, "log")));
    assertEquals(log.level, "error");
    assertStringIncludes(log.msg, text);
    const left = await Array.fromAsync(Deno.readDir(file(bundle, "state")));
    assertEquals(left, []);
  });
}

test("hooks run in order, with the state on standard input", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"], (config) => {
    const hook = (name: string) => [{
      path: "/bin/sh",
      args: ["sh", "-c", `cat >>"$0"; echo " ${name}" >>"$0"`, "/PLACE"],
    }];
    config.hooks = {
      prestart: hook("prestart"),
      createRuntime: hook("createRuntime"),
      poststart: hook("poststart"),
      poststop: hook("poststop"),
    };
  });
  const config = file(bundle, "config.json");
  const text = await Deno.readTextFile(config);
  await Deno.writeTextFile(
    config,
    text.replaceAll("/PLACE", file(bundle, "hooks")),
  );
  await bundle.create("one");
  await bundle.does("start", "one");
  await bundle.does("delete", "--force", "one");
  const lines = (await Deno.readTextFile(file(bundle, "hooks"))).trim()
    .split("\n");
  const told = lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(at + 1), JSON.parse(line.slice(0, at)).status];
  });
  assertEquals(told, [
    ["prestart", "creating"],
    ["createRuntime", "creating"],
    ["poststart", "running"],
    ["poststop", "stopped"],
  ]);
});
