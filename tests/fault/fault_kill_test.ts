/**
 * SIGKILL at each boundary between two steps: to the parent, to the process
 * that is about to do the step (the walker, or our program as PID 1), and to
 * PID 1 while the command's walker works. No process runs on, and the next
 * command removes what no process could clean up.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  decide,
  endOfKilled,
  endOfRun,
  faultWords,
  type Place,
  places,
  SHARES,
  sharesOf,
  waitingBelow,
} from "./_fault.ts";
import { descendants, readProcess } from "../_host.ts";
import {
  container,
  execute,
  rootfs,
  run,
  runWords,
  test,
  until,
  without,
} from "../_harness.ts";
import {
  cgroupsIn,
  namesIn,
  recordsOf,
  undoDirectory,
} from "../_undo_files.ts";
import { pooled } from "./_pooled.ts";
import { Session } from "../_session.ts";

const MODES = [
  { mode: "init", init: true, flags: [] },
  { mode: "no-init", init: false, flags: ["--no-init"] },
] as const;

/** Chooses the process to kill; null if there is no such process. */
const VICTIMS: Record<
  string,
  (parent: number, waiting: number) => number | null
> = {
  "the parent": (parent) => parent,
  "the process at the step": (_, waiting) => waiting,
  "PID 1 under the command's walker": (parent, waiting) => {
    const above = readProcess(waiting)?.parent;
    return above === undefined || above === parent || above === Deno.pid
      ? null
      : above;
  },
};

/**
 * Waits until the next run of a session waits at its step, kills a process, and
 * checks that the others end by themselves.
 */
async function killAt(
  session: Session,
  place: Place,
  victim: typeof VICTIMS[string],
): Promise<void> {
  const what = `${place.phase} ${place.index} ${place.step.step}`;
  const from = session.output.length;
  const waiting = await waitingBelow(session, what);
  const target = victim(session.pid, waiting);
  assert(target !== null, `no process to kill at ${what}`);
  // Read before the kill: orphans become children of this process.
  const all = descendants(session.pid);
  Deno.kill(target, "SIGKILL");
  const status = target === session.pid
    ? await endOfKilled(session)
    : (await endOfRun(session)).status;
  const output = session.output.slice(from);
  assert(status !== 0, what);
  assert(!/^ +at /m.test(output), `a stack trace: ${output}`);
  if (status === 125) assertStringIncludes(output, "container: ");
  else assertEquals(status, 137, `${what}: ${output}`);
  await until(
    `nothing is left of ${what}`,
    () =>
      all.every(({ pid, start }) => {
        const now = readProcess(pid);
        return !now || now.start !== start || now.state === "Z";
      }),
  );
}

/** Calls {@linkcode killAt} for each place. A parent that survives runs several containers. */
async function killAtEach(
  all: readonly Place[],
  victim: typeof VICTIMS[string],
  flags: readonly string[],
): Promise<void> {
  const shares = victim === VICTIMS["the parent"]
    ? all.map((place) => [place])
    : sharesOf(all);
  await pooled(shares, SHARES, async (share) => {
    await using session = new Session(
      await faultWords("wait", share, ...flags, "sleep", "1000"),
    );
    for (const place of share) await killAt(session, place, victim);
    await session.end();
  });
}

for (const { mode, init, flags } of MODES) {
  for (const [name, victim] of Object.entries(VICTIMS)) {
    // There, our program is not next to the walker.
    if (!init && name.startsWith("PID 1")) continue;
    test(`SIGKILL to ${name} before each step leaves nothing (${mode})`, async () => {
      const all = places(await decide({ init }, "piped")).filter(({ phase }) =>
        phase !== "cleanup"
      );
      const chosen = all.filter(({ step, phase }, index) =>
        all[index - 1]?.step.step !== step.step &&
        (!name.startsWith("PID 1") || phase === "process")
      );
      assert(chosen.length > 10);
      await killAtEach(chosen, victim, flags);
    });
  }
}

test("SIGKILL during the clean-up leaves nothing", async () => {
  const all = places(await decide({}, "piped")).filter(({ phase }) =>
    phase === "cleanup"
  );
  for (const place of all.slice(0, 3)) {
    for (const victim of ["the parent", "the process at the step"]) {
      await using session = new Session(
        await faultWords("wait", [place], "true"),
      );
      const what = `the cleaning up, ${place.step.step}`;
      const waiting = await waitingBelow(session, what);
      Deno.kill(VICTIMS[victim]!(session.pid, waiting)!, "SIGKILL");
      assertEquals(await endOfKilled(session), 137);
    }
  }
});

/** The cgroups and records of containers that a killed parent has left. */
function leftBehind(pid: number): { records: string[]; cgroups: string[] } {
  const { records, drafts } = recordsOf(pid);
  return {
    records: [...records.map(({ path }) => path), ...drafts],
    cgroups: records.flatMap(cgroupsIn).map(({ path }) => path)
      .filter((path) => namesIn(path).length),
  };
}

function readOrEmpty(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

for (const { mode, flags } of MODES) {
  test(`the next run removes the cgroup of a killed parent, by its record (${mode})`, async () => {
    const session = new Session(
      runWords(
        "-q",
        ...flags,
        "-m",
        "64m",
        "sh",
        "-c",
        "echo ready; sleep 1000",
      ),
    );
    await session.expect(/ready\n/);
    const { pid } = session;
    session.kill("SIGKILL");
    await session.end();
    await until(
      "the container ends with its parent",
      () => descendants(Deno.pid).every(({ state }) => state === "Z"),
    );
    const left = leftBehind(pid);
    assertEquals(left.records.length, 1);
    assert(left.cgroups.length > 0);
    const { status, stderr } = await run(["-m", "64m", "true"]);
    assertEquals([status, stderr], [0, ""]);
    assertEquals(leftBehind(pid), { records: [], cgroups: [] });
    assertEquals(left.records.filter((path) => readOrEmpty(path)), []);
    assertEquals(left.cgroups.filter((path) => namesIn(path).length), []);
  });
}

test(
  "the next command cleans up after a parent killed at any call that makes a cgroup",
  async () => {
    const words = runWords("-q", "-m", "64m", "true");
    for (const call of ["mkdir", "rename"]) {
      for (let when = 1; when <= 12; when++) {
        const { status } = await execute([
          "strace",
          "-f",
          "-qq",
          "-o",
          "/dev/null",
          "-e",
          `trace=${call},${call}at`,
          "-e",
          `inject=${call},${call}at:signal=SIGKILL:when=${when}`,
          ...words,
        ]);
        if (status === 0) break;
        // 137 if strace killed the parent, 125 if it killed PID 1.
        assert([125, 137].includes(status), `${call} ${when}: ${status}`);
        const next = await run(["-m", "64m", "true"]);
        assertEquals([next.status, next.stderr], [0, ""], `${call} ${when}`);
      }
    }
    assertEquals(
      namesIn(undoDirectory()).filter((name) => name.startsWith(".")),
      [],
      "no draft of a record is left",
    );
    assertEquals(
      (await container(["run", "-q", "--rootfs", rootfs(), "true"])).status,
      0,
    );
  },
  { skip: without("strace") },
);
