/**
 * A root filesystem that changes while a container starts on it, as another
 * container on the same files can change it (CVE-2025-31133, CVE-2025-52565,
 * CVE-2025-52881). A start may fail, but nothing escapes.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MODES, noAttacker, Swapper, Target } from "../_attack.ts";
import {
  CONTAINER,
  type Result,
  shellLine,
  startTerminal,
  test,
  without,
} from "../_harness.ts";
import { pooled } from "../fault/_pooled.ts";

const ROUNDS = 8;
/** How many containers run at a time. */
const SIDE_BY_SIDE = 2;
/** Times between two exchanges of names, in nanoseconds. */
const PAUSES = [50, 2000, 300_000, 30_000_000];

/**
 * A program that would run instead of our walker, if /proc were looked up by
 * name.
 */
const INSTEAD = `#!/bin/sh
echo "instead of the walker: $(grep CapEff /proc/self/status)" > /owned
`;

async function plantProc(rootfs: string): Promise<void> {
  const fake = `${rootfs}/swapped`;
  for (
    const directory of [
      "sys/kernel",
      "bus",
      "fs",
      "irq",
      "acpi",
      "scsi",
      "asound",
      "self/fd",
      "self/attr",
    ]
  ) await Deno.mkdir(`${fake}/${directory}`, { recursive: true });
  for (
    const file of [
      "sysrq-trigger",
      "kcore",
      "keys",
      "timer_list",
      "interrupts",
      "self/oom_score_adj",
    ]
  ) await Deno.writeTextFile(`${fake}/${file}`, "");
  for (let fd = 60; fd < 90; fd++) {
    await Deno.writeTextFile(`${fake}/self/fd/${fd}`, INSTEAD, { mode: 0o755 });
  }
}

/** Runs containers repeatedly while two names are exchanged. */
async function race(
  target: Target,
  [a, b]: readonly [string, string],
  once: () => Promise<Result>,
): Promise<void> {
  let started = 0;
  for (const pause of PAUSES) {
    await using _swapper = new Swapper(
      `${target.rootfs}/${a}`,
      `${target.rootfs}/${b}`,
      pause,
    );
    await pooled(Array(ROUNDS).fill(once), SIDE_BY_SIDE, async (once) => {
      const { status, stdout, stderr } = await once();
      assert(!/^open:/m.test(stdout), stdout);
      if (status === 0) started++;
      else {
        assertEquals(status, 125, stderr);
        assertMatch(stderr, /^container: Cannot .+\n$/);
      }
    });
  }
  assert(started > 0, "some win the race");
}

for (const { mode, flags } of MODES) {
  const attack = (what: string, fn: () => Promise<void>) =>
    test(`${what} (${mode})`, fn, { skip: noAttacker });

  attack(
    "/proc that is exchanged with a directory stays sealed or is not used",
    async () => {
      await using target = await Target.make({ flags, prepare: plantProc });
      await race(
        target,
        ["proc", "swapped"],
        () => target.run(["attack", "unsealed", "/proc", "/swapped"]),
      );
      assert(!isThere(`${target.rootfs}/owned`), "no planted program has run");
    },
  );

  attack(
    "/proc that is exchanged with a link stays sealed or is not used",
    async () => {
      await using target = await Target.make({
        flags,
        prepare: (rootfs) =>
          Deno.symlink("/tmp/elsewhere", `${rootfs}/swapped`),
      });
      await Deno.mkdir(`${target.rootfs}/tmp/elsewhere`);
      await race(
        target,
        ["proc", "swapped"],
        () =>
          target.run([
            "attack",
            "unsealed",
            "/proc",
            "/swapped",
            "/tmp/elsewhere",
          ]),
      );
    },
  );

  attack(
    "/sys and /dev that are exchanged give no writable file and no device",
    async () => {
      await using target = await Target.make({
        flags,
        prepare: async (rootfs) => {
          await Deno.mkdir(`${rootfs}/swapped/firmware`, { recursive: true });
          await Deno.mkdir(`${rootfs}/swapped/pts`);
          await Deno.writeTextFile(`${rootfs}/swapped/null`, "");
        },
      });
      const use = `for place in /sys /dev /swapped; do
        (exec 3>>$place/kernel/mm/transparent_hugepage/enabled) 2>/dev/null && echo "open: $place"
        mknod $place/node c 1 5 2>/dev/null && (exec 3<$place/node) 2>/dev/null && echo "open: node"
        rm -f $place/node
      done; true`;
      await race(target, ["sys", "swapped"], () => target.shell(use));
      await race(target, ["dev", "swapped"], () => target.shell(use));
    },
  );

  attack("settings written through /proc go nowhere else", async () => {
    await using target = await Target.make({ flags, prepare: plantProc });
    const fake = `${target.rootfs}/swapped/sys/net/ipv4`;
    await Deno.mkdir(fake, { recursive: true });
    const once = () =>
      target.run([
        "--sysctl",
        "net.ipv4.ip_forward=1",
        "--oom-score-adj",
        "7",
        "attack",
        "settings",
        "/proc",
        "/swapped",
      ]);
    await race(target, ["proc", "swapped"], async () => {
      const result = await once();
      if (result.status === 0) {
        assertEquals(
          result.stdout,
          "self/oom_score_adj 7\nsys/net/ipv4/ip_forward 1\n",
        );
      }
      return result;
    });
    for (const place of ["proc", "swapped"]) {
      assert(
        !readOrEmpty(`${target.rootfs}/${place}/self/oom_score_adj`),
        "nothing was written to the attacker's file",
      );
    }
  });

  test(
    `a link at /dev/console is not followed for the terminal (${mode}, CVE-2025-52565)`,
    async () => {
      await using target = await Target.make({
        flags,
        prepare: async (rootfs) => {
          await Deno.mkdir(`${rootfs}/swapped/pts`, { recursive: true });
          await Deno.symlink(
            "/proc/sys/kernel/core_pattern",
            `${rootfs}/swapped/console`,
          );
        },
      });
      for (const pause of PAUSES) {
        await using _swapper = new Swapper(
          `${target.rootfs}/dev`,
          `${target.rootfs}/swapped`,
          pause,
        );
        const line = shellLine([
          ...CONTAINER,
          ...target.words("-t", "attack", "unsealed", "/proc"),
        ]);
        await pooled(Array(4).fill(line), SIDE_BY_SIDE, async (line) => {
          await using session = startTerminal(line);
          await session.end();
          assert(!/^open:/m.test(session.output), session.output);
        });
      }
    },
    { skip: noAttacker ?? without("script") },
  );
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function readOrEmpty(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
