/**
 * /sys/fs/cgroup inside a container on cgroup v2: the tests of
 * tests/limits/cgroup_mount_test.ts, in a machine with nothing but v2.
 *
 * @module
 */

if (Deno.env.has("CONTAINER_VM")) {
  await import("../limits/cgroup_mount_test.ts");
}
