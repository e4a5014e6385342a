/**
 * A plain run, without Deno, on pure cgroup v2, for which a plan is compiled as
 * well. tests/run/plain_run_test.ts has the other tests.
 *
 * @module
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { execute, REPOSITORY, test } from "../_harness.ts";

const program = `${REPOSITORY}/container`;
const isThere = await Deno.stat(program).then(() => true, () => false);
const skip = !Deno.env.has("CONTAINER_VM")
  ? "it is for a virtual machine"
  : isThere
  ? null
  : "CONTAINER_BIN names no compiled program";

/** The same run with a flag that changes nothing, but needs Deno. */
const forms = [[], ["-u", "0"]];

const outcomes = (mode: readonly string[], script: string) =>
  Promise.all(forms.map(async (flags) => {
    const { status, stdout, stderr } = await execute([
      ...[program, "run", "-q", ...mode, ...flags],
      ...["--rootfs", `${REPOSITORY}/.fs.d/rootfs`, "sh", "-c", script],
    ]);
    return { status, stdout, stderr };
  }));

test("plain run: its mounts and cgroup are those of cgroup v2", async () => {
  for (const mode of [[], ["--no-init"]]) {
    const [one, other] = await outcomes(
      mode,
      "cat /proc/self/cgroup; cut -d' ' -f4- /proc/self/mountinfo; exit 7",
    );
    assertEquals(one, other, mode.join());
    assertEquals(one?.status, 7);
    assertStringIncludes(one!.stdout, "cgroup2");
  }
}, { skip });

test("plain run: no Deno is started", async () => {
  for (const mode of [[], ["--no-init"]]) {
    // The files of Deno are mapped into the parent of PID 1, or not.
    const sizes = await Promise.all(forms.map(async (flags) => {
      const run = new Deno.Command(program, {
        args: [
          ...["run", "-q", ...mode, ...flags],
          ...["--rootfs", `${REPOSITORY}/.fs.d/rootfs`, "cat"],
        ],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const writer = run.stdin.getWriter();
      const reader = run.stdout.getReader();
      await writer.write(new TextEncoder().encode("up\n"));
      await reader.read();
      const maps = await Deno.readTextFile(`/proc/${run.pid}/maps`);
      await writer.close();
      await reader.cancel();
      await run.status;
      return maps.includes("libc.so");
    }));
    assertEquals(sizes, [false, true], mode.join());
  }
}, { skip });
