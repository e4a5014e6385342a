/**
 * SIGKILL while a root filesystem in an image is mounted and used: no loop
 * device is left.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { requesterIn } from "../../containers/decide/requester.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { prepare } from "../../containers/run/run.ts";
import {
  endOfKilled,
  faultWords,
  type Place,
  places,
  waitingBelow,
} from "../fault/_fault.ts";
import {
  CONTAINER,
  execute,
  INIT,
  type Mode,
  NO_INIT,
  TempDir,
  test,
  until,
  without,
} from "../_harness.ts";
import { descendants, readProcess } from "../_host.ts";
import { free, makeImage, missing } from "../_image.ts";
import { Session } from "../_session.ts";

/** The calls after which the parent is killed while it makes the mount. */
const CALLS: readonly [name: string, when: number][] = [
  ["flock", 1],
  ["ioctl", 1],
  ["ioctl", 2],
  ["fsopen", 1],
  ["fsconfig", 1],
  ["fsconfig", 3],
  ["fsmount", 1],
];

const LOOPS = [
  "/dev/loop-control",
  ...Array.from({ length: 16 }, (_, index) => `/dev/loop${index}`),
];

test("SIGKILL while an image is mounted leaves no loop device", async () => {
  await using dir = new TempDir();
  const image = await makeImage("squashfs", dir.path);
  for (const [name, when] of CALLS) {
    const { status } = await execute([
      ...["strace", "-f", "-qq", "-o", `${dir.path}/trace`],
      ...(name === "ioctl" ? LOOPS.flatMap((path) => ["-P", path]) : []),
      ...["-e", `trace=${name}`],
      ...["-e", `inject=${name}:signal=SIGKILL:when=${when}`],
      ...[...CONTAINER, "run", "-q", "--rootfs", image, "true"],
    ]);
    assertEquals(status, 137, `${name} ${when}`);
    await free(image);
  }
}, { skip: without("strace") ?? missing("squashfs") });

for (const mode of [INIT, NO_INIT]) {
  test(
    `SIGKILL to the parent or PID 1 before each step leaves no loop device (${mode.name})`,
    async () => {
      await using dir = new TempDir();
      const image = await makeImage("squashfs", dir.path);
      const prepared = await prepare(
        {
          options: { command: ["true"], init: mode.init },
          rootfs: image,
        },
        requesterIn(THIS_MACHINE, ["piped", "piped", "piped"]),
      );
      const chosen = places(prepared).filter(({ phase, step }, index, all) =>
        phase !== "cleanup" && all[index - 1]?.step.step !== step.step &&
        ["clone", "receiveMount", "attach", "pivotRoot", "maskPath", "execute"]
          .includes(step.step)
      );
      assert(chosen.length >= 5);
      for (const place of chosen) {
        for (const victim of ["parent", "child"] as const) {
          await killAt(place, victim, image, mode);
        }
      }
    },
    { skip: missing("squashfs") },
  );
}

/** Runs until a step, kills one of the two, and waits until the image is free. */
async function killAt(
  place: Place,
  victim: "parent" | "child",
  image: string,
  mode: Mode,
): Promise<void> {
  const what = `${victim} at ${place.phase} ${place.step.step}`;
  await using session = new Session(
    await faultWords(
      "wait",
      [place],
      ...[...mode.flags, "--rootfs", image, "sleep", "100"],
    ),
  );
  const waiting = await waitingBelow(session, what);
  const all = descendants(session.pid);
  Deno.kill(victim === "parent" ? session.pid : waiting, "SIGKILL");
  assert(await endOfKilled(session) !== 0, what);
  await until(
    `nothing is left, ${what}`,
    () =>
      all.every(({ pid, start }) => {
        const now = readProcess(pid);
        return !now || now.start !== start || now.state === "Z";
      }),
  );
  await free(image);
}
