/** `container doctor` as users run it. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Check } from "../../doctor/check.ts";
import type { Diagnosis } from "../../doctor/diagnosis.ts";
import {
  CONTAINER,
  container,
  copyRootfs,
  execute,
  NOBODY,
  Nobody,
  run,
  shellLine,
  startTerminal,
  TempDir,
  test,
  without,
} from "../_harness.ts";

const find = ({ checks }: Diagnosis, id: string): Check | undefined =>
  checks.find((check) => check.id === id);

test("doctor says that run works, and run does", async () => {
  const { status, stdout, stderr } = await container(["doctor"]);
  assertEquals(stderr, "");
  assert(!stdout.includes("\x1b"));
  const works = (await run(["true"])).status === 0;
  assertEquals(status, works ? 0 : 1);
  assertMatch(
    stdout.trimEnd().split("\n").at(-1)!,
    works ? /^container run works here as root, with .*\.$/ : /does not work/,
  );
});

test("doctor --json prints data for programs", async () => {
  const { status, stdout } = await container(["doctor", "--json"]);
  const diagnosis: Diagnosis = JSON.parse(stdout);
  assertEquals(diagnosis.ok, status === 0);
  for (const { id, title, status, found, means } of diagnosis.checks) {
    assert(["ok", "warning", "missing", "information"].includes(status), id);
    assert(id && title && found && means, id);
  }
  const { stdout: release } = await execute(["uname", "-r"]);
  assertEquals(find(diagnosis, "kernel")?.found, `Linux ${release.trim()}`);
});

test("doctor tells an ordinary user what works, and it does", async () => {
  await using nobody = await Nobody.make();
  const { status, stdout } = await container(["doctor"], nobody);
  assertEquals(status, 0);
  assertMatch(stdout, /ok +Privileges +\S+ .*not root/);
  assertMatch(
    stdout.trimEnd().split("\n").at(-1)!,
    /^container run works here as \S+ \(uid 65534\), with /,
  );
  const run = await container(
    ["run", "-q", "--rootfs", "/", "echo", "works"],
    nobody,
  );
  assertEquals([run.status, run.stdout], [0, "works\n"]);
});

test("doctor tells an ordinary user how to allow user namespaces", async () => {
  await using nobody = await Nobody.make();
  const { status, stdout } = await container(["doctor"], {
    env: nobody.env,
    before: [
      ...["unshare", "--user", "--map-root-user", "sh", "-c"],
      'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"',
      ...["sh", "setpriv", "--bounding-set=-all"],
    ],
  });
  assertEquals(status, 1);
  assertMatch(stdout.trimEnd().split("\n").at(-1)!, /does not work/);
});

test("doctor finds a limit that forbids namespaces", async () => {
  // The limits belong to this user namespace; the host's stay.
  const { status, stdout } = await execute([
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    `echo 0 > /proc/sys/user/max_pid_namespaces; exec ${
      shellLine([...CONTAINER, "doctor", "--json"])
    }`,
  ]);
  assertEquals(status, 1);
  const diagnosis: Diagnosis = JSON.parse(stdout);
  assertEquals(find(diagnosis, "namespace-pid")?.status, "missing");
  assertEquals(find(diagnosis, "namespaces-tried")?.status, "missing");
  assertStringIncludes(diagnosis.verdict, "pid namespace");
}, { skip: without("unshare") });

test("doctor finds missing capabilities", async () => {
  const { status, stdout } = await container(["doctor", "--json"], {
    before: ["setpriv", "--bounding-set=-mknod", "--inh-caps=-mknod"],
  });
  assertEquals(status, 0);
  const found = find(JSON.parse(stdout), "capabilities");
  assertStringIncludes(found?.found ?? "", "CAP_MKNOD");
}, { skip: without("setpriv") });

test(
  "doctor has colours only on a terminal, and not with NO_COLOR",
  async () => {
    const line = shellLine([...CONTAINER, "doctor"]);
    const ways = [["-u NO_COLOR", true], ["NO_COLOR=1", false]] as const;
    for (const [setting, coloured] of ways) {
      await using session = startTerminal(`env ${setting} ${line}`);
      await session.end();
      assertEquals(session.output.includes("\x1b[32mok"), coloured);
    }
  },
  { skip: without("script") },
);

test("doctor accepts only flags", async () => {
  const { status, stderr } = await container(["doctor", "me"]);
  assertEquals(status, 125);
  assertMatch(stderr, /^container: Unexpected word me/);
});

test(
  "doctor names the state directory that run uses, and creates nothing",
  async () => {
    await using user = await Nobody.make();
    const { before } = user;
    const home = user.env.HOME!;
    const state = async (env: Record<string, string>) => {
      const all = { ...user.env, ...env };
      const { stdout } = await container(["doctor", "--json"], {
        before: [...before, "env", "-u", "XDG_RUNTIME_DIR"],
        env: all,
      });
      const { status, found } = find(JSON.parse(stdout), "state")!;
      return [status, found];
    };
    const inHome = ["ok", `${home}/.local/state/container`];
    const names = () => [...Deno.readDirSync(home)].map(({ name }) => name);
    const there = names();
    assertEquals(await state({}), inHome);
    assertEquals(names(), there);
    assertEquals(await state({ HOME: "/root" }), [
      "warning",
      "Cannot keep the state of containers in /root: it belongs to user 0",
    ]);

    const { status, stdout } = await container(["ps", "-aq"], {
      before: [...before, "env", "-u", "XDG_RUNTIME_DIR"],
      env: user.env,
    });
    assertEquals([status, stdout], [0, ""]);
    assertEquals(await state({}), inHome);
  },
  { skip: without("setpriv") },
);

test(
  "doctor and run -d agree on where the state is, or why it is nowhere",
  async () => {
    await using user = await Nobody.make();
    await using dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    await Deno.writeTextFile(`${dir.path}/file`, "");
    for (
      const [name, mode, owner] of [
        ["own", 0o700, NOBODY],
        ["open", 0o777, NOBODY],
        ["roots", 0o755, 0],
      ] as const
    ) {
      await Deno.mkdir(`${dir.path}/${name}`);
      await Deno.chmod(`${dir.path}/${name}`, mode);
      await Deno.chown(`${dir.path}/${name}`, owner, owner);
    }
    const at = (name: string) => `${dir.path}/${name}`;
    for (
      const [runtime, root, works, found] of [
        [null, null, true, `${user.env.HOME}/.local/state/container`],
        [at("own"), null, true, at("own/container")],
        [at("missing"), null, false, `${dir.path} is not writable`],
        [at("roots"), null, false, `${at("roots")} is not writable`],
        [at("open"), null, false, /other users can write to it/],
        [at("file"), null, false, `${at("file")} is not a directory`],
        [at("open"), at("own/state"), true, at("own/state")],
        [null, at("open"), false, /other users can write to it/],
        [null, at("file"), false, /it is not a directory/],
        [null, at("roots/state"), false, `${at("roots")} is not writable`],
      ] as const
    ) {
      const how = {
        before: [
          ...user.before,
          ...["env", "-u", "XDG_RUNTIME_DIR"],
          ...(runtime === null ? [] : [`XDG_RUNTIME_DIR=${runtime}`]),
        ],
        env: user.env,
      };
      const words = root === null ? [] : ["--root", root];
      const said = await container([...words, "doctor", "--json"], how);
      const state = find(JSON.parse(said.stdout), "state")!;
      const what = `${runtime} ${root} ${state.found}`;
      assertEquals(state.status, works ? "ok" : "warning", what);
      if (typeof found === "string") assertEquals(state.found, found);
      else assertMatch(state.found, found);
      assertEquals(state.cure === undefined, works, what);
      const run = ["run", "-d", "--rm", "-q", "--rootfs", rootfs, "true"];
      const { status, stderr } = await container([...words, ...run], how);
      assertEquals(status, works ? 0 : 125, stderr);
      if (!works) {
        assertMatch(
          stderr,
          /^container: Cannot keep the state of containers in \S+: .*\..*\n$/,
        );
      }
    }
  },
  { skip: without("setpriv") },
);
