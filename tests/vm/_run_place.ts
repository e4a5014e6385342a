// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tests run one at a time
/**
 * The place of a container's cgroup, the processes in it, and its removal: the
 * same for v1 and v2, in both modes. Needs root.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { mountOf } from "../../cgroup/hierarchy.ts";
import { until } from "../_harness.ts";
import { descendants } from "../_host.ts";
import {
  declare,
  exists,
  groupsOf,
  hierarchy,
  same,
  shell,
  whileWaiting,
} from "./_limited.ts";

/** Declares the tests for the cgroups of this machine. */
export function testRunPlace(label: string): void {
  const both = declare(label);
  both(
    "--cgroup-parent: the cgroup is made below it, and the parent's limits apply",
    same("pids"),
    async (mode) => {
      const { path, version } = mountOf(hierarchy, same("pids"))!;
      const name = `parent-${Deno.pid}`;
      Deno.mkdirSync(`${path}/${name}`);
      try {
        if (version === 2) {
          Deno.writeTextFileSync(`${path}/cgroup.subtree_control`, "+pids");
        }
        Deno.writeTextFileSync(`${path}/${name}/pids.max`, "4");
        const flags = `--cgroup-parent /${name}`;
        await whileWaiting(mode, flags.split(" "), (parent) => {
          for (const group of groupsOf(parent)) {
            assertMatch(
              group.path,
              new RegExp(`/${name}/container-[0-9a-f]+$`),
            );
          }
        });
        const { stderr } = await shell(
          mode,
          flags,
          "for i in 1 2 3 4 5 6; do sleep 5 & done; exit 0",
        );
        assertMatch(stderr, /can't fork/);
      } finally {
        Deno.removeSync(`${path}/${name}`);
      }
    },
  );

  both(
    "the limits exclude our program as PID 1, and the command's cgroup is the root of its view",
    same("memory"),
    async (mode) => {
      await whileWaiting(mode, ["-m", "64m"], (parent) => {
        const inside = new Set(
          groupsOf(parent).flatMap(({ path }) =>
            Deno.readTextFileSync(`${path}/cgroup.procs`).split("\n")
              .filter(Boolean).map(Number)
          ),
        );
        const all = descendants(parent).map(({ pid }) => pid);
        assertEquals(
          all.filter((pid) => !inside.has(pid)).length,
          mode.init ? 1 : 0,
        );
        assertEquals(inside.size, 1);
      });
      const { stdout } = await shell(mode, "-m 64m", "cat /proc/self/cgroup");
      assertMatch(stdout, /^(\d+:[^:]*:\/\n)+$/);
    },
  );

  both(
    "no descriptor inside leads to the host's cgroups",
    same("memory"),
    async (mode) => {
      const { stdout } = await shell(
        mode,
        "-m 64m --privileged",
        "sleep 1; ls -l /proc/1/fd /proc/self/fd",
      );
      assertMatch(stdout, /\/proc\/1\/fd:[^]*0 -> /);
      assertNotMatch(stdout, /cgroup|container-/);
    },
  );

  both(
    "the next command removes the cgroup of a killed parent",
    same("memory"),
    async (mode) => {
      const session = mode.startRun(
        "-m",
        "64m",
        "sh",
        "-c",
        "echo ready; sleep 1000",
      );
      await session.expect(/ready\n/);
      const groups = groupsOf(session.pid);
      session.kill("SIGKILL");
      await session.end();
      await until(
        "the container ends",
        () => descendants(Deno.pid).every(({ state }) => state === "Z"),
      );
      assertEquals((await mode.run(["true"])).status, 0);
      for (const { path } of groups) {
        assert(!exists(path), path);
      }
    },
  );
}
