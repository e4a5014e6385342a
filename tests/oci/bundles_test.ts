/** Bundles of other programs run unchanged: those of runc, umoci and podman. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { cgroupRoots, removeCgroups } from "../_engine_cgroups.ts";
import {
  CONTAINER,
  copyRootfs,
  execute,
  rootfs,
  shellLine,
  startTerminal,
  TempDir,
  test,
  without,
} from "../_harness.ts";

/** The words that run a bundle. */
const words = (dir: TempDir, bundle: string) => [
  ...[...CONTAINER, "--root", `${dir.path}/state`],
  ...["run", "--bundle", bundle, `test-${dir.path.split("-").at(-1)}`],
];

async function done(...line: string[]): Promise<string> {
  const { status, stdout, stderr } = await execute(line);
  assertEquals(status, 0, `${line.join(" ")}: ${stderr}`);
  return stdout;
}

test("run --bundle runs a bundle of `runc spec`", async () => {
  await using dir = new TempDir();
  await copyRootfs(dir.path);
  await done("runc", "spec", "--bundle", dir.path);
  await using terminal = startTerminal(
    `${shellLine(words(dir, dir.path))}; echo status $?`,
  );
  await terminal.expect(/# /);
  await terminal.send("hostname; echo $((40 + 2)); exit 3\r");
  await terminal.expect(/runc\r\n42\r\n/);
  await terminal.expect(/status 3\r\n/);
  await terminal.end();
}, { skip: without("runc") ?? without("script") });

test("run --bundle runs a bundle that umoci unpacked", async () => {
  await using dir = new TempDir();
  const image = `${dir.path}/image:latest`;
  const script = 'echo from $VENDOR in $PWD; read x || echo "no input"';
  await done("umoci", "init", "--layout", `${dir.path}/image`);
  await done("umoci", "new", "--image", image);
  await done("umoci", "insert", "--image", image, rootfs(), "/");
  await done(
    ...["umoci", "config", "--image", image],
    ...["--config.env", "VENDOR=umoci", "--config.workingdir", "/etc"],
    ...["--config.cmd", "sh", "--config.cmd", "-c", "--config.cmd", script],
  );
  await done("umoci", "unpack", "--image", image, `${dir.path}/bundle`);
  const { status, stdout, stderr } = await execute(
    words(dir, `${dir.path}/bundle`),
    // It asks for a terminal, which is connected to a pipe here.
    { stdin: "" },
  );
  assertEquals([status, stderr], [0, ""]);
  // As with runc, the terminal adds no CR.
  assertStringIncludes(stdout, "from umoci in /etc\n");
}, { skip: without("umoci") });

test("run --bundle runs a bundle that podman made", async () => {
  // podman makes its cgroups at its first use.
  const hadCgroups = cgroupRoots("libpod_parent").length > 0;
  await using dir = new TempDir();
  const place = await copyRootfs(dir.path);
  const bundle = `${dir.path}/bundle`;
  const runtime = `${dir.path}/runtime`;
  await Deno.mkdir(bundle);
  // The runtime for podman: it only keeps the bundle.
  await Deno.writeTextFile(
    runtime,
    `#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --bundle ] && cp "$2/config.json" ${bundle}; shift; done
exit 1
`,
    { mode: 0o755 },
  );
  const podman = (...args: string[]) =>
    execute([
      ...["podman", "--root", `${dir.path}/storage`],
      ...["--runroot", `${dir.path}/run`, "--tmpdir", `${dir.path}/tmp`],
      ...["--cgroup-manager", "cgroupfs", "--events-backend", "file"],
      ...["--storage-driver", "vfs", "--runtime", runtime],
      ...args,
    ]);
  // podman raises limits for root, which not every root may do.
  const created = await podman(
    ...["create", "--name", "test", "--network", "none"],
    ...["--ulimit", "nofile=512:512", "--ulimit", "nproc=4096:4096"],
    ...["--hostname", "made-by-podman", "--rootfs", place],
    ...["sh", "-c", "hostname; cat /etc/hostname; exit 4"],
  );
  assertEquals(created.status, 0, created.stderr);
  try {
    await podman("init", "test");
    const { status, stdout, stderr } = await execute(words(dir, bundle));
    assertEquals([status, stderr], [4, ""]);
    assertEquals(stdout.trim(), "made-by-podman\nmade-by-podman");
  } finally {
    await podman("rm", "--force", "--all");
    if (!hadCgroups) removeCgroups("libpod_parent");
  }
}, { skip: without("podman") });
