/**
 * Thousands of random configurations, each to its end: a validation error,
 * another readable error, or a container, but never a crash, a hang or
 * something left behind. tests/_config_runs.ts runs them within one process,
 * since a start of the program for each would take most of the time.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import {
  execute,
  REPOSITORY,
  rootfs,
  TempDir,
  test,
  without,
} from "../_harness.ts";

const CHUNKS = 6;
const SEEDS = 500;
/** For a chunk on a machine under load; usually one takes ten seconds. */
const PATIENCE = 180_000;

/**
 * One writable directory, everything else read-only: a random configuration may
 * use the host's root as the container's.
 */
const CONFINE = `
dir=$1 rootfs=$2; shift 2
mount -t tmpfs -o size=64m,mode=755 none "$dir"
mkdir -p "$dir/bundle/rootfs" "$dir/state"
cp -a "$rootfs/." "$dir/bundle/rootfs"
awk '{print $5}' /proc/self/mountinfo | grep -v -e "^$dir" -e '^/proc' -e '^/sys' -e '^/dev' |
  while read -r place; do mount -o remount,bind,ro "$place" 2>/dev/null; done
if touch "$PWD/.written" 2>/dev/null; then echo "the host can be written to" >&2; exit 1; fi
exec "$@"`;

for (let chunk = 0; chunk < CHUNKS; chunk++) {
  const first = 1 + chunk * SEEDS;
  test(
    `random configurations from ${first} on end in an error or a container, and leave nothing`,
    async () => {
      await using dir = new TempDir();
      const { status, stdout, stderr } = await execute([
        ...["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork"],
        ...["--kill-child", "--propagation", "private", "--mount-proc"],
        ...["sh", "-c", CONFINE, "sh", dir.path, rootfs()],
        ...[Deno.execPath(), "run", "-A", "--quiet"],
        ...["--import-map", `${REPOSITORY}/deno.json`],
        `${REPOSITORY}/tests/_config_runs.ts`,
        ...[
          dir.path,
          dir.path.split("/").at(-1)!,
          String(first),
          String(SEEDS),
        ],
      ], { patience: PATIENCE, cwd: REPOSITORY });
      assertEquals([status, stderr.slice(0, 10_000)], [0, ""]);
      const { refused, failed, ran } = JSON.parse(stdout);
      assertEquals(refused + failed + ran, SEEDS);
      // Some are refused and some run, so the generator is useful.
      assert(refused > SEEDS / 10 && ran > SEEDS / 10, stdout);
    },
    { skip: without("unshare") },
  );
}
