// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tested functions are synchronous
/**
 * The limits on cgroup v2, and features that only v2 has: `deno task test:vm`
 * runs this in a machine with nothing but v2.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { planCgroup, readHierarchy } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { makeCgroup } from "./_cgroup.ts";
import { testLimits } from "./_limits.ts";

const TOP = "/sys/fs/cgroup";
const MODULE = new URL("../../cgroup/mod.ts", import.meta.url).href;
const MAKER = new URL("_cgroup.ts", import.meta.url).href;
const { layout } = readHierarchy();
// Some of it would disturb a machine that has other work.
const ignore = layout !== "v2" || !Deno.env.has("CONTAINER_VM");

const test = (name: string, fn: () => void | Promise<void>) =>
  Deno.test({
    name: `cgroup (v2): ${name}${
      ignore
        ? ` (skipped: only in a virtual machine, see deno task test:vm)`
        : ""
    }`,
    ignore,
    fn,
  });

if (!ignore) testLimits("cgroup (v2)");

/** Makes a cgroup with a process in it, which exists while the body runs. */
async function withProcess(
  path: string,
  body: () => void | Promise<void>,
): Promise<void> {
  Deno.mkdirSync(path, { recursive: true });
  const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  Deno.writeTextFileSync(`${path}/cgroup.procs`, String(child.pid));
  try {
    await body();
  } finally {
    Deno.writeTextFileSync(`${TOP}/cgroup.procs`, String(child.pid));
    child.kill("SIGKILL");
    await child.status;
    Deno.removeSync(path);
  }
}

test("planCgroup() writes files of unified verbatim", async () => {
  const resources = { unified: { "memory.high": "33554432", "pids.max": "7" } };
  using cgroup = await makeCgroup(
    { id: "unified", resources },
    readHierarchy(),
  );
  const directory = cgroup.joinFiles()[0]!.replace(/\/cgroup.procs$/, "");
  assertEquals(Deno.readTextFileSync(`${directory}/memory.high`), "33554432\n");
  assertEquals(Deno.readTextFileSync(`${directory}/pids.max`), "7\n");
});

test("planCgroup() converts weights, shares and rates like runc", async () => {
  const resources = {
    cpu: { shares: 1024, quota: 50_000, burst: 1000 },
    memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20 },
    blockIO: {
      weight: 500,
      throttleWriteIOPSDevice: [{ major: 254, minor: 0, rate: 9 }],
    },
  };
  using cgroup = await makeCgroup(
    { id: "converted", resources },
    readHierarchy(),
  );
  const read = (file: string) =>
    Deno.readTextFileSync(cgroup.joinFiles()[0]!.replace("cgroup.procs", file))
      .trim();
  assertEquals(read("cpu.weight"), "100");
  assertEquals(read("cpu.max"), "50000 100000");
  assertEquals(read("cpu.max.burst"), "1000");
  assertEquals(read("memory.max"), String(64 << 20));
  assertEquals(read("memory.swap.max"), String(32 << 20));
  assertEquals(read("memory.low"), String(32 << 20));
  assertEquals(read("io.max"), "254:0 rbps=max wbps=max riops=max wiops=9");
});

test("planCgroup() names a cgroup that holds processes and therefore enables no controllers", async () => {
  await withProcess(`${TOP}/busy`, () => {
    const resources = { pids: { limit: 5 } };
    const error = assertThrows(
      () =>
        planCgroup(
          { id: "x", resources, cgroupsPath: "/busy/x" },
          readHierarchy(),
        ),
      ContainerError,
      "/busy contains processes",
    ) as ContainerError;
    assertStringIncludes(error.hint!, "mkdir /sys/fs/cgroup/busy/init");
    // The rule does not apply to a cgroup next to it, where a relative path
    // goes.
    const hierarchy = readHierarchy();
    hierarchy.mounts[0]!.own = `${TOP}/busy`;
    const { steps } = planCgroup({ id: "x", resources }, hierarchy);
    assertEquals(
      steps.flatMap((step) => step.step === "makeDirectory" ? step.path : []),
      [`${TOP}/container-x`],
    );
  });
});

test("remove() removes the directories that were made above the cgroup, unless they are used", async () => {
  const one = await makeCgroup(
    { id: "one", cgroupsPath: "/slice/one" },
    readHierarchy(),
  );
  const two = await makeCgroup(
    { id: "two", cgroupsPath: "/slice/two" },
    readHierarchy(),
  );
  one.remove();
  assert(Deno.statSync(`${TOP}/slice/two`).isDirectory);
  one.remove();
  two.remove();
  Deno.removeSync(`${TOP}/slice`);
});

test("openDirectory() works with CLONE_INTO_CGROUP", async () => {
  using cgroup = await makeCgroup({ id: "directory" }, readHierarchy());
  using directory = cgroup.openDirectory();
  assert(directory);
  assertEquals(
    Deno.readLinkSync(`/proc/self/fd/${directory.fd}`),
    `${TOP}/container-directory`,
  );
});

test("an ordinary user uses the controllers that are delegated to him", async () => {
  // As with systemd for user@1000.service: the cgroup and these files are his.
  const slice = `${TOP}/user`;
  Deno.mkdirSync(`${slice}/session`, { recursive: true });
  Deno.writeTextFileSync(
    `${TOP}/cgroup.subtree_control`,
    "+memory +pids +cpu -cpuset",
  );
  for (const path of [slice, `${slice}/session`]) {
    for (const file of ["", "/cgroup.procs", "/cgroup.subtree_control"]) {
      Deno.chownSync(path + file, 1000, 1000);
    }
  }
  const program = `
    import { readHierarchy } from "${MODULE}";
    import { makeCgroup } from "${MAKER}";
    const make = (resources) => makeCgroup({ id: "mine", resources, rootless: true, stats: true }, readHierarchy());
    {
      using cgroup = await make({ pids: { limit: 3 }, devices: [{ allow: false }] });
      const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
      cgroup.join(child.pid);
      console.log(cgroup.joinFiles()[0], JSON.stringify(cgroup.stats().pids), cgroup.pids().length);
      cgroup.kill();
      await child.status;
    }
    try { await make({ cpu: { cpus: "0" } }); } catch (error) { console.log(error.message); console.log(error.hint); }
  `;
  const directory = Deno.makeTempDirSync();
  Deno.chmodSync(directory, 0o777);
  try {
    const { stdout, stderr } = await new Deno.Command("sh", {
      args: [
        "-c",
        `echo $$ > ${slice}/session/cgroup.procs && exec su user -c 'exec deno eval --no-config --no-lock "$PROGRAM"'`,
      ],
      env: { PROGRAM: program, DENO_DIR: directory, HOME: directory },
    }).output();
    const [made = "", refused = "", hint = ""] = new TextDecoder().decode(
      stdout,
    ).split("\n");
    assertEquals(
      made,
      `${slice}/container-mine/cgroup.procs {"current":1,"limit":3} 1`,
      new TextDecoder().decode(stderr),
    );
    assertEquals(
      refused,
      `Cannot choose CPUs or memory nodes: ${TOP} does not enable the cpuset controller for its children, and you do not have permission to change it`,
    );
    assertStringIncludes(hint, "Delegate=cpuset");
    assertThrows(
      () => Deno.statSync(`${slice}/container-mine`),
      Deno.errors.NotFound,
    );
  } finally {
    Deno.removeSync(directory, { recursive: true });
    await new Deno.Command("find", {
      args: [slice, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"],
    }).output();
  }
});
