/**
 * Hooks of config.json: where they run, what they receive, and what a failing
 * hook does.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Hook } from "../../spec/types.ts";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { isGone } from "../_exec.ts";
import { CONTAINER, shellLine, test } from "../_harness.ts";
import { USUAL_OWNER } from "../_owner.ts";

const shell = (script: string, more: Partial<Hook> = {}): Hook[] => [{
  path: "/bin/sh",
  args: ["sh", "-c", script],
  ...more,
}];

/** An ordinary user is root only in the container's user namespace. */
const AS_CONTAINER = USUAL_OWNER === "root" ? "" : "-U --preserve-credentials";

const PATHS = "PATH=/bin:/usr/bin:/sbin:/usr/sbin";

/** A bundle with hooks that know its directory as `$DIR`. */
async function withHooks(
  hooks: Record<string, Hook[]>,
  change: (config: Config) => void = () => {},
): Promise<Bundle> {
  const bundle = await Bundle.make(["sleep", "1000"], (config) => {
    config.hooks = hooks;
    (config as Config & { root: { readonly: boolean } }).root.readonly = false;
    change(config);
  });
  const file = `${bundle.dir.path}/config.json`;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, text.replaceAll("$DIR", bundle.dir.path));
  await Deno.mkdir(`${bundle.dir.path}/rootfs/mnt`, { recursive: true });
  await bundle.give();
  return bundle;
}

const read = (bundle: Bundle, name: string) =>
  Deno.readTextFile(`${bundle.dir.path}/${name}`);

for (
  const [what, flags, change] of [
    ["with pivot_root", [], () => {}],
    ["with chroot", ["--no-pivot"], () => {}],
    ["in a user namespace", [], (config) => {
      (config.linux.namespaces as { type: string }[]).push({ type: "user" });
      const all = [{ containerID: 0, hostID: 0, size: 65536 }];
      config.linux.uidMappings = all;
      config.linux.gidMappings = all;
    }],
  ] satisfies [string, string[], (config: Config) => void][]
) {
  test(`hooks run inside while the first process waits, ${what}`, async () => {
    await using bundle = await withHooks({
      createContainer: shell(
        "cat >$DIR/created; { hostname; ls $DIR/rootfs/proc/1/comm; } >$DIR/seen; " +
          "mount -t tmpfs hook $DIR/rootfs/mnt && echo yes >$DIR/rootfs/mnt/made",
        { env: [PATHS, "KEY=value"] },
      ),
      startContainer: shell(
        "cat >/started; cat /mnt/made >/seen; env >>/seen; pwd >>/seen; " +
          "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status >>/seen",
        { env: [PATHS, "KEY=inside"] },
      ),
    }, (config) => {
      config.process.cwd = "/etc";
      change(config);
    });
    const rootfs = `${bundle.dir.path}/rootfs`;
    await bundle.create("one", ...flags);
    const created = JSON.parse(await read(bundle, "created"));
    assertEquals(
      [created.id, created.status, created.pid, created.bundle],
      ["one", "creating", 1, bundle.dir.path],
    );
    const [hostname, pid] = (await read(bundle, "seen")).split("\n");
    assert(hostname !== Deno.hostname(), hostname);
    assertEquals(pid, `${rootfs}/proc/1/comm`);
    // Mounts made there belong to the container alone.
    assertEquals(await Array.fromAsync(Deno.readDir(`${rootfs}/mnt`)), []);
    await bundle.does("start", "one");
    const started = JSON.parse(await read(bundle, "rootfs/started"));
    assertEquals(
      [started.id, started.status, started.pid],
      ["one", "created", 1],
    );
    const seen = await read(bundle, "rootfs/seen");
    assertStringIncludes(seen, "yes\n");
    assertStringIncludes(seen, "KEY=inside\n");
    assert(!seen.includes("HOME="), seen);
    assertStringIncludes(seen, "/etc\n");
    // A program of the root filesystem gets what the command gets, and no more.
    const { pid: first } = JSON.parse(await bundle.does("state", "one"));
    const status = await Deno.readTextFile(`/proc/${first}/status`);
    assertStringIncludes(seen, status.match(/^CapEff.*$/m)![0]);
    assertStringIncludes(seen, "NoNewPrivs:\t1");
    await bundle.does("delete", "--force", "one");
  }, {
    // It maps ids of the host, which only root may map.
    skip: what === "in a user namespace" && USUAL_OWNER !== "root"
      ? "maps ids of the host"
      : null,
  });
}

for (const name of ["prestart", "createRuntime"]) {
  test(`a hook of ${name} finds the container's mounts, and can add one`, async () => {
    // Like the hook of NVIDIA's container toolkit.
    const script = [
      "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')",
      `nsenter ${AS_CONTAINER} -t $pid -m grep -c ' $DIR/rootfs/proc ' /proc/self/mountinfo >$DIR/seen`,
      `nsenter ${AS_CONTAINER} -t $pid -m mount -t tmpfs -o size=64k added $DIR/rootfs/mnt`,
    ].join(" && ");
    await using bundle = await withHooks(
      { [name]: shell(script, { env: [PATHS] }) },
      (config) => {
        config.process.args = ["stat", "-f", "-c", "%T", "/mnt"];
      },
    );
    const { status, stdout, stderr } = await bundle.call(
      "run",
      ...["--bundle", bundle.dir.path, "one"],
    );
    assertEquals([status, stdout, stderr], [0, "tmpfs\n", ""]);
    assertEquals(await read(bundle, "seen"), "1\n");
  });
}

for (const name of ["prestart", "createRuntime", "createContainer"]) {
  test(`create fails with a hook of ${name}, runs poststop and leaves nothing`, async () => {
    await using bundle = await withHooks({
      [name]: shell("echo this and that >&2; exit 3"),
      poststop: shell("cat >$DIR/poststop", { env: [PATHS] }),
    });
    const { status, stderr } = await bundle.call(
      "create",
      "--bundle",
      bundle.dir.path,
      "one",
    );
    assertEquals(status, 125);
    assertStringIncludes(
      stderr,
      `hook #0 of ${name} (/bin/sh) exited with status 3: this and that`,
    );
    assertEquals(JSON.parse(await read(bundle, "poststop")).status, "stopped");
    assertStringIncludes(
      (await bundle.call("state", "one")).stderr,
      "does not exist",
    );
  });
}

test("start fails with a startContainer hook: the command never runs, the container is removed", async () => {
  await using bundle = await withHooks({
    startContainer: shell("exit 4"),
    poststop: shell("cat >$DIR/poststop", { env: [PATHS] }),
  }, (config) => {
    config.process.args = ["touch", "/ran"];
  });
  await bundle.create("one");
  const { status, stderr } = await bundle.call("start", "one");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "startContainer (/bin/sh) exited with status 4");
  assertEquals(JSON.parse(await read(bundle, "poststop")).status, "stopped");
  assertStringIncludes(
    (await bundle.call("state", "one")).stderr,
    "does not exist",
  );
  const ran = await Deno.lstat(`${bundle.dir.path}/rootfs/ran`)
    .catch(() => null);
  assertEquals(ran, null);
});

for (
  const [what, path, reason] of [
    ["that does not exist", "/no/such", "no such file on the host"],
    ["that is not executable", "$DIR/config.json", "it is not executable"],
    ["that is a directory", "$DIR", "it is a directory"],
  ] as const
) {
  test(`create names a hook ${what}`, async () => {
    for (const name of ["createRuntime", "createContainer"]) {
      await using bundle = await withHooks({ [name]: [{ path }] });
      const words = ["--bundle", bundle.dir.path, "one"];
      const { status, stderr } = await bundle.call("create", ...words);
      assertEquals(status, 125);
      const place = path.replace("$DIR", bundle.dir.path);
      assertStringIncludes(
        stderr,
        `hook #0 of ${name} (${place}): Cannot run ${place}: ${reason}`,
      );
    }
  });
}

test("start names a hook inside that is not executable", async () => {
  await using bundle = await withHooks({
    startContainer: [{ path: "/etc/passwd" }],
  });
  await bundle.create("one");
  const { status, stderr } = await bundle.call("start", "one");
  assertEquals(status, 125);
  assertStringIncludes(
    stderr,
    "hook #0 of startContainer (/etc/passwd): Cannot run /etc/passwd: it is not executable. Run chmod +x on the file in the root filesystem",
  );
});

test("a failing poststop hook is a warning, and the next one runs", async () => {
  await using bundle = await withHooks({
    poststop: [
      ...shell("exit 6"),
      ...shell(": >$DIR/poststop", { env: [PATHS] }),
    ],
  });
  await bundle.create("one");
  const log = `${bundle.dir.path}/log`;
  bundle.globals = ["--log", log, "--log-format", "json"];
  const end = await bundle.call("delete", "--force", "one");
  bundle.globals = [];
  assertEquals(end.status, 0);
  assertStringIncludes(
    end.stderr,
    "warning: hook #0 of poststop (/bin/sh) exited with status 6",
  );
  assertEquals(JSON.parse(await Deno.readTextFile(log)).level, "warning");
  assertEquals(await read(bundle, "poststop"), "");
});

test("a failing poststart hook ends the container, runs poststop and leaves nothing", async () => {
  await using bundle = await withHooks({
    poststart: [
      ...shell("echo this; exit 5"),
      ...shell(": >$DIR/next", { env: [PATHS] }),
    ],
    poststop: shell("cat >>$DIR/poststop; echo >>$DIR/poststop", {
      env: [PATHS],
    }),
  });
  await bundle.create("one");
  const { pid } = JSON.parse(await bundle.does("state", "one"));
  const calls = [
    await bundle.call("start", "one"),
    await bundle.call("run", "--bundle", bundle.dir.path, "one"),
  ];
  for (const { status, stderr } of calls) {
    assertEquals(status, 125);
    assertStringIncludes(
      stderr,
      "container: hook #0 of poststart (/bin/sh) exited with status 5: this",
    );
  }
  assert(isGone(pid));
  const told = (await read(bundle, "poststop")).trim().split("\n");
  assertEquals(told.map((line) => JSON.parse(line).status), [
    "stopped",
    "stopped",
  ]);
  // It has ended, so its number may be another process's.
  assertEquals(told.filter((line) => "pid" in JSON.parse(line)), []);
  assertEquals(await bundle.does("list", "--quiet"), "");
  assertEquals(
    await Deno.lstat(`${bundle.dir.path}/next`).catch(() => null),
    null,
  );
});

test("hooks get the runtime's environment and start in the bundle by default", async () => {
  const told = (name: string) =>
    shell(`{ pwd; echo $WORD $PROCESS; umask; } >$DIR/${name}`);
  const names = ["prestart", "createRuntime", "poststart", "poststop"];
  await using bundle = await withHooks({
    ...Object.fromEntries(names.map((name) => [name, told(name)])),
    // A relative path is the container's, and must not be the host's.
    createContainer: shell("{ pwd; echo $WORD $PROCESS; umask; } >created"),
    startContainer: shell("{ pwd; echo $WORD $PROCESS; umask; } >/started"),
  }, (config) => {
    const process = config.process as typeof config.process & { env: string[] };
    process.env = [PATHS, "PROCESS=own"];
    config.process.cwd = "/etc";
    config.process.args = ["true"];
  });
  const { path } = bundle.dir;
  const { status, stderr } = await bundle.execute(
    ["sh", "-c", `umask 027; cd /; exec "$@"`, "sh"].concat(
      bundle.words("run", "--bundle", path, "one"),
    ),
    { env: { WORD: "runtime's" } },
  );
  assertEquals([status, stderr], [0, ""]);
  for (const name of names) {
    assertEquals(await read(bundle, name), `${path}\nruntime's\n0027\n`);
  }
  assertEquals(
    await read(bundle, "rootfs/created"),
    `${path}/rootfs\nruntime's\n0027\n`,
  );
  assertEquals(await read(bundle, "rootfs/started"), "/etc\nown\n0022\n");
});

test("a poststop hook runs even if the bundle has been removed", async () => {
  await using bundle = await withHooks({ poststop: shell("pwd; exit 1") });
  await bundle.create("one");
  const { path } = bundle.dir;
  await Deno.remove(`${path}/config.json`);
  // The state is in it as well.
  await Deno.rename(path, `${path}.moved`);
  try {
    const { stderr } = await bundle.execute([
      ...[...bundle.owner.before, ...CONTAINER],
      ...["--root", `${path}.moved/state`, "delete", "--force", "one"],
    ]);
    assertStringIncludes(stderr, "exited with status 1: /\n");
  } finally {
    await Deno.rename(`${path}.moved`, path);
  }
});

for (const name of ["createRuntime", "createContainer"]) {
  test(`a hook of ${name} that takes too long is killed with its child processes`, async () => {
    await using bundle = await withHooks({
      // It ignores all signals but SIGKILL, and a child holds its output open.
      [name]: shell("trap '' TERM; sleep 4711 & sleep 4711", {
        timeout: 1,
        env: [PATHS],
      }),
    });
    const started = performance.now();
    const { status, stderr } = await bundle.call(
      "create",
      "--bundle",
      bundle.dir.path,
      "one",
    );
    assertEquals(status, 125);
    assertStringIncludes(stderr, "exceeded its timeout of 1 s");
    assert(performance.now() - started < 20_000);
    const { stdout } = await new Deno.Command("pgrep", {
      args: ["-xf", "sleep 4711"],
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "");
  });
}

test("a hook may leave a process behind, which nothing waits for", async () => {
  await using bundle = await withHooks({
    createRuntime: shell("sleep 20 & echo $! >$DIR/pid", { env: [PATHS] }),
  });
  const started = performance.now();
  await bundle.create("one");
  Deno.kill(Number(await read(bundle, "pid")), "SIGKILL");
  assert(performance.now() - started < 15_000);
});

test("a hook may ask for its container, and join it once it runs", async () => {
  const own = shellLine([...CONTAINER, "--root", "$DIR/state"])
    .replaceAll("'", "");
  const env = Object.entries(Deno.env.toObject()).map((pair) => pair.join("="));
  const ask = (name: string) =>
    shell(
      `exec >$DIR/${name} 2>&1; ${own} state one | grep -o '"status": .*",'
      ${own} list -q; ${own} ps --format json one | tr -d 0-9
      ${own} exec one echo inside; echo $?`,
      { env },
    );
  await using bundle = await withHooks({
    createRuntime: ask("creating"),
    poststart: ask("running"),
  });
  await bundle.create("one");
  await bundle.does("start", "one");
  assertEquals(
    await read(bundle, "creating"),
    `"status": "creating",
one
[]
container: cannot exec in a container that was not created to its end: one. \`container delete --force one\` removes it.
125
`,
  );
  assertEquals(
    await read(bundle, "running"),
    `"status": "running",
one
[]
inside
0
`,
  );
});
