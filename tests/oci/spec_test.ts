/** `container spec` and `features`, and the configurations of other runtimes. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readBundle } from "../../containers/decide/oci/bundle.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { parseConfig } from "../../spec/config.ts";
import {
  container,
  copyRootfs,
  execute,
  Nobody,
  TempDir,
  test,
  without,
} from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

/** Reads a config.json without any warning. */
function readQuietly(path: string) {
  const noise: string[] = [];
  const spec = parseConfig(Deno.readTextFileSync(path), {
    warn: (line) => noise.push(line),
    ignored: (path) => noise.push(path),
  });
  assertEquals(noise, []);
  return spec;
}

test("spec writes the default container", async () => {
  await using dir = new TempDir();
  const { status, stdout, stderr } = await container(["spec"], {
    cwd: dir.path,
  });
  assertEquals([status, stdout, stderr], [0, "", ""]);
  await Deno.mkdir(`${dir.path}/rootfs`);
  const { spec } = readBundle(dir.path, requesterIn(THIS_MACHINE));
  assertEquals(spec.root.path, `${await Deno.realPath(dir.path)}/rootfs`);
  assertEquals(spec.process.args, ["sh"]);
  assertEquals(spec.process.noNewPrivileges, true);
  assertEquals(spec.linux.seccomp?.defaultAction, "SCMP_ACT_ERRNO");
  assert(!spec.process.capabilities?.bounding?.includes("CAP_SYS_ADMIN"));
});

test("spec does not overwrite a config.json", async () => {
  await using dir = new TempDir();
  const path = `${dir.path}/config.json`;
  for (
    const make of [
      () => Deno.writeTextFile(path, "mine"),
      () => Deno.symlink("nowhere", path),
    ]
  ) {
    await make();
    assertRefused(
      await container(["spec", "--bundle", dir.path]),
      125,
      /File config\.json exists\. Remove it first\. Its path is \/.*\/config\.json\.$/m,
    );
    await Deno.remove(path);
  }
  assertEquals(await Array.fromAsync(Deno.readDir(dir.path)), []);
});

test("spec names what is wrong with its directory", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "");
  const into = (bundle: string) => container(["spec", `--bundle=${bundle}`]);
  assertRefused(
    await into(`${dir.path}/x`),
    125,
    /no such directory\. Create it/,
  );
  assertRefused(await into(`${dir.path}/file`), 125, /it is not a directory/);
  assertRefused(await container(["spec", "x"]), 125, /spec takes flags only/);
  await using nobody = await Nobody.make();
  assertRefused(
    await container(["spec", "-b", dir.path], nobody),
    125,
    /permission denied/,
  );
});

test("spec --rootless writes a configuration for the calling user", async () => {
  await using nobody = await Nobody.make();
  const home = nobody.env.HOME!;
  await Deno.chmod(home, 0o777);
  const { status, stderr } = await container(
    ["spec", "--rootless", "-b", home],
    nobody,
  );
  assertEquals([status, stderr], [0, ""]);
  const { linux } = readQuietly(`${home}/config.json`);
  assertEquals(linux.uidMappings, [{ containerID: 0, hostID: 65534, size: 1 }]);
  assertEquals(linux.resources, undefined);
});

for (const runtime of ["runc", "crun"]) {
  const skip = without(runtime);
  for (const flags of [[], ["--rootless"]]) {
    test(`parseConfig() reads ${runtime} spec ${flags}`, async () => {
      await using dir = new TempDir();
      const words = [runtime, "spec", ...flags];
      const { status } = await execute(words, { cwd: dir.path });
      assertEquals(status, 0);
      readQuietly(`${dir.path}/config.json`);
    }, { skip });
  }
}

test("runc runs the output of spec", async () => {
  await using dir = new TempDir();
  await copyRootfs(dir.path);
  await container(["spec", "-b", dir.path]);
  const path = `${dir.path}/config.json`;
  const config = JSON.parse(await Deno.readTextFile(path));
  config.process.terminal = false;
  config.process.args = [
    "sh",
    "-c",
    "hostname; grep Seccomp: /proc/self/status",
  ];
  await Deno.writeTextFile(path, JSON.stringify(config));
  const id = `container-test-${Deno.pid}`;
  const { status, stdout, stderr } = await execute([
    ...["runc", "--root", `${dir.path}/state`],
    ...["run", "--bundle", dir.path, id],
  ]);
  assertEquals([status, stderr], [0, ""]);
  assertEquals(stdout, "container\nSeccomp:\t2\n");
}, { skip: without("runc") });

/** Asserts what an engine needs from a features document; runc's passes as well. */
// deno-lint-ignore no-explicit-any
function assertFeatures(document: any): void {
  for (const name of ["ociVersionMin", "ociVersionMax"]) {
    const config = {
      ociVersion: document[name],
      process: { args: ["x"], cwd: "/" },
      root: { path: "x" },
      linux: { namespaces: [{ type: "mount" }] },
    };
    parseConfig(JSON.stringify(config));
  }
  const { linux } = document;
  for (
    const list of [
      document.hooks,
      document.mountOptions,
      linux.namespaces,
      linux.capabilities,
      linux.seccomp.actions,
      linux.seccomp.operators,
      linux.seccomp.archs,
    ]
  ) {
    assert(list.every((word: unknown) => typeof word === "string"));
    assertEquals(new Set(list).size, list.length);
  }
  assert(document.mountOptions.includes("rbind"));
  assert(linux.capabilities.includes("CAP_CHOWN"));
  const states = [
    ...Object.values(linux.cgroup),
    linux.seccomp.enabled,
    linux.apparmor.enabled,
    linux.selinux.enabled,
  ];
  assert(states.every((state) => typeof state === "boolean"));
  const values = Object.values(document.annotations);
  assert(values.every((value) => typeof value === "string"));
}

test("features prints what the specification requires", async () => {
  const { status, stdout, stderr } = await container(["features"]);
  assertEquals([status, stderr], [0, ""]);
  const document = JSON.parse(stdout);
  assertFeatures(document);
  assertEquals(document.ociVersionMax, "1.3.0");
  assertRefused(
    await container(["features", "x"]),
    125,
    /features takes flags only/,
  );
});

test("runc's features pass the same assertions", async () => {
  assertFeatures(JSON.parse((await execute(["runc", "features"])).stdout));
}, { skip: without("runc") });

test("help shows spec and features", async () => {
  const { stdout } = await container(["--help"]);
  assertStringIncludes(stdout, "\n  spec ");
  assertStringIncludes(stdout, "\n  features ");
});
