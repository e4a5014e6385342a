/**
 * Undos take back what a start has made, and never what another program has
 * made under the same name. A start that fails by itself leaves nothing.
 */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { readHierarchy } from "../../cgroup/mod.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { startTime } from "../../launch/host/owner.ts";
import { UndoFile } from "../../launch/host/undo_file.ts";
import { withRecord } from "../../plan/host.ts";
import { ContainerError } from "../../spec/errors.ts";
import { Bundle } from "../_bundle.ts";
import {
  CONTAINER,
  container,
  rootfs,
  run,
  TempDir,
  test,
  until,
} from "../_harness.ts";
import { readProcess } from "../_host.ts";
import { Session } from "../_session.ts";
import { cgroupsIn, namesIn, undoDirectory } from "../_undo_files.ts";

test("run reports ids that cannot be mapped, and ends the waiting process", async () => {
  const { status, stderr } = await run([
    // The kernel takes at most 340 ranges.
    ...Array.from(
      { length: 341 },
      (_, index) => `--uidmap=${2 * index}:${2 * index}:1`,
    ),
    "--gidmap=0:0:1",
    "true",
  ]);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "container: Cannot map user IDs: ");
});

test("run reports a cgroup that cannot be made, and leaves no part of it", async () => {
  const { status, stderr } = await run(["--cpuset-mems", "4095", "true"]);
  assertEquals([status, stderr.split("\n").length], [125, 2], stderr);
  assertStringIncludes(stderr, "container: Cannot ");
});

test("run reports a mount that cannot be made on the host", async () => {
  const { status, stderr } = await run([
    ...["-v", "/proc:/mnt:idmap=uids=0-1-1;gids=0-1-1", "true"],
  ]);
  assertEquals([status, stderr.split("\n").length], [125, 2], stderr);
  assertStringIncludes(
    stderr,
    "container: Cannot open /proc with its user IDs",
  );
});

/** Makes a cgroup of this name in every tree, with a process in it. */
async function occupied(
  paths: readonly string[],
): Promise<{ isThere(): boolean } & AsyncDisposable> {
  const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  for (const path of paths) {
    await Deno.mkdir(path);
    await Deno.writeTextFile(`${path}/cgroup.procs`, String(child.pid));
  }
  const state = () => readProcess(child.pid)?.state ?? "Z";
  return {
    isThere: () =>
      state() !== "Z" && paths.every((path) => namesIn(path).length),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      for (const path of paths) await Deno.remove(path);
    },
  };
}

for (
  const [name, globals] of [
    ["delete", []],
    ["delete without its ready plan", ["--debug"]],
  ] as const
) {
  test(`${name} leaves another program's cgroup and processes alone`, async () => {
    await using bundle = await Bundle.make(["sleep", "1000"], (config) => {
      config.linux.resources = { pids: { limit: 9 } };
    });
    await bundle.create("one");
    const record = JSON.parse(
      await Deno.readTextFile(`${bundle.dir.path}/state/one/state.json`),
    );
    const paths = cgroupsIn(record.host).map(({ path }) => path);
    assert(paths.length > 0);
    await bundle.does("kill", "one", "KILL");
    await until(
      "it has stopped",
      async () => await bundle.status("one") === "stopped",
    );
    for (const path of paths) await Deno.remove(path);
    await using another = await occupied(paths);
    bundle.globals = globals;
    await bundle.does("delete", "one");
    assert(another.isThere());
  });
}

test("a start that finds another's new cgroup under its name leaves it alone", async () => {
  await using dir = new TempDir();
  const [tree] = readHierarchy().mounts;
  const path = `${tree!.path}/raced-${Deno.pid}`;
  await using another = await occupied([path]);
  const host = new HostPhase(
    withRecord([{
      step: "makeDirectory",
      path,
      exclusive: true,
      why: "planned before the other program made it",
      man: "mkdir(2)",
      undo: [{ undo: "removeCgroup", version: 1, path }],
    }]),
    new UndoFile(dir.path, "raced"),
  );
  await assertRejects(() => host.prepare(), ContainerError, "just created it");
  assert(another.isThere());
  assertEquals(namesIn(dir.path), []);
});

test("a start without its systemd scope takes everything back", async () => {
  await using dir = new TempDir();
  const [path, unit] = [`${dir.path}/made`, `test-${Deno.pid}.scope`];
  const says = { why: "a test of its undo", man: "test(7)" };
  const host = new HostPhase(
    withRecord([
      {
        step: "makeDirectory",
        path,
        ...says,
        undo: [{ undo: "removeEmpty", path }],
      },
      {
        step: "startScope",
        manager: {
          ...{ socket: `${dir.path}/no-systemd`, direct: true },
          ...{ uid: 0, cgroup: "" },
        },
        unit,
        slice: "system.slice",
        path: `${dir.path}/${unit}`,
        own: `${dir.path}/${unit}/own`,
        properties: [],
        ...says,
        undo: "kernel",
      },
    ]),
    new UndoFile(`${dir.path}/undo`, "scope"),
  );
  await assertRejects(
    () => host.prepare(),
    ContainerError,
    `Cannot create the scope ${unit} with systemd`,
  );
  assertEquals(namesIn(dir.path), ["undo"]);
  assertEquals(namesIn(`${dir.path}/undo`), []);
});

test("rm removes the cgroup of a run in the foreground whose command was killed", async () => {
  await using dir = new TempDir();
  const call = (...words: string[]) =>
    container(["--root", `${dir.path}/state`, ...words]);
  await using session = new Session([
    ...[...CONTAINER, "--root", `${dir.path}/state`, "run", "-q"],
    ...["--name", "front", "-m", "64m", "--rootfs", rootfs()],
    ...["sh", "-c", "echo ready; sleep 1000"],
  ]);
  await session.expect(/ready\n/);
  const [id] = namesIn(`${dir.path}/state`).filter((name) => name[0] !== "@");
  const { host } = JSON.parse(
    await Deno.readTextFile(`${dir.path}/state/${id}/state.json`),
  );
  const paths = cgroupsIn(host).map(({ path }) => path);
  assert(paths.length > 0);
  assert(paths.every((path) => namesIn(path).length));
  session.kill("SIGKILL");
  await session.end();
  const { status, stderr } = await call("rm", "--force", "front");
  assertEquals([status, stderr], [0, ""]);
  assertEquals(paths.filter((path) => namesIn(path).length), []);
});

test("run removes the unused cgroups in records of earlier builds", async () => {
  const [tree] = readHierarchy().mounts;
  const records = `${undoDirectory().replace(/undo$/, "cgroups")}`;
  await Deno.mkdir(records, { recursive: true });
  const ended = new Deno.Command("true").spawn();
  await ended.status;
  const self = {
    pid: Deno.pid,
    startTime: startTime(Deno.pid)!,
  };
  const gone = { pid: ended.pid, startTime: "1" };
  const place = (name: string) => `${tree!.path}/old-${name}-${Deno.pid}`;
  for (
    const [name, owner, paths] of [
      ["unused", gone, [place("unused"), `${place("unused")}/inner`]],
      ["used", gone, [place("used")]],
      ["living", self, [place("living")]],
    ] as const
  ) {
    if (name !== "used") { for (const path of paths) await Deno.mkdir(path); }
    await Deno.writeTextFile(
      `${records}/${name}.json`,
      JSON.stringify({
        id: name,
        groups: [{ version: 1, controllers: [], path: paths.at(-1) }],
        made: paths,
        owner,
      }),
    );
  }
  await Deno.writeTextFile(`${records}/.draft.${ended.pid}`, "{");
  try {
    await using another = await occupied([place("used")]);
    const { status, stderr } = await run(["--nice", "0", "true"]);
    assertEquals([status, stderr], [0, ""]);
    assert(another.isThere());
    assertEquals(namesIn(place("unused")), []);
    assert(namesIn(place("living")).length > 0);
    assertEquals(namesIn(records), ["living.json"]);
  } finally {
    await Deno.remove(place("living"));
    await Deno.remove(records, { recursive: true });
  }
});
