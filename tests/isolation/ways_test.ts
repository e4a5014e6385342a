/**
 * A command finds the same surroundings in every way of starting it.
 * Differences are listed here with their reasons, as well as what a command
 * inherits from its caller. Any other difference fails.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { COMPILED, test } from "../_harness.ts";
import {
  differences,
  noProbe,
  read,
  readHost,
  type Starter,
  Starting,
  WAYS,
} from "../_ways.ts";

const TERMINAL = ["-t", "-t --no-init", "exec -t into run -d"];
const NEW_TERMINAL = ["-t", "-t --no-init"];
const EXEC = ["exec into run -d", "exec -t into run -d", "exec into a bundle"];
const NAMED = ["run -d", "exec into run -d", "exec -t into run -d"];
const ALONE = ["run -d", "create, start", "run --bundle"];
const BUNDLE = ["create, start", "run --bundle", "exec into a bundle"];
const WALKED = [
  "with a flag, --no-init",
  "plain, --no-init",
  "-t --no-init",
  "library",
];

/** A difference from `run` with a flag. */
interface Difference {
  facts: RegExp;
  ways: readonly string[];
  /** The value there; null if it is missing. */
  is: RegExp | null;
  why: string;
  /** The caller whose containers show the difference; both if missing. */
  of?: "root" | "rootless";
}

const DIFFERENCES: readonly Difference[] = [
  {
    facts: /^pid$/,
    ways: [...WALKED, ...ALONE],
    is: /^1$/,
    why: "our program does not stay inside, so the command is PID 1",
  },
  {
    facts: /^sees its parent$/,
    ways: [...WALKED, ...ALONE, ...EXEC],
    is: /^0$/,
    why: "its parent is outside of its PID namespace",
  },
  {
    facts: /^pdeathsig$/,
    ways: [...WALKED, ...EXEC],
    is: /^9$/,
    why:
      "it ends with the process that waits for it; where our program is PID 1, that one does",
  },
  {
    facts: /^leads its session$/,
    ways: ["-t --no-init", ...ALONE, ...EXEC],
    is: /^1$/,
    why:
      "it has a terminal of its own, outlives the caller's, or joins from another session",
  },
  {
    facts: /^descriptor [012]$/,
    ways: TERMINAL,
    is: /^a terminal flags 2000002$/,
    why: "its streams are the terminal",
  },
  {
    facts: /^stream [012]$/,
    ways: TERMINAL,
    is: /^mode 20620 of 0:[05]$/,
    why: "its streams are the terminal, which belongs to the user inside",
  },
  {
    facts: /^has (a|the) terminal$/,
    ways: TERMINAL,
    is: /^1$/,
    why: "it is the foreground process of its own terminal",
  },
  {
    facts: /^mount \/dev\/console$/,
    ways: NEW_TERMINAL,
    is: /^\/0 rw,nosuid,noexec,relatime devpts devpts /,
    why: "the container's terminal is also its console",
  },
  {
    facts: /^environment TERM$/,
    ways: TERMINAL,
    is: /^xterm$/,
    why: "programs need the type of the terminal",
  },
  {
    facts: /^stream [12]$/,
    ways: ["run -d"],
    of: "rootless",
    is: /^mode 10600 of 0:0$/,
    why: "the pipes belong to the keeper's user",
  },
  {
    facts: /^environment HOSTNAME$/,
    ways: NAMED,
    is: /^[0-9a-f]{12}$/,
    why: "the hostname of a container with a record is its short ID",
  },
  {
    facts: /^uname$/,
    ways: NAMED,
    is: /^[0-9a-f]{12}\n/,
    why: "the hostname of a container with a record is its short ID",
  },
  {
    facts: /^environment HOSTNAME$/,
    ways: BUNDLE,
    is: null,
    why: "a bundle sets the whole environment",
  },
  {
    facts: /^environment (PATH|TERM)$/,
    ways: BUNDLE,
    is: /^(\/bin:\/sbin:\/usr\/bin:\/usr\/sbin|xterm)$/,
    why: "a bundle sets the whole environment",
  },
  {
    facts: /^Groups$/,
    ways: BUNDLE,
    of: "root",
    is: /^$/,
    why: "a bundle sets the supplementary groups, and this one has none",
  },
  {
    facts: /^Cpus_allowed(_list)?$/,
    ways: BUNDLE,
    is: /./,
    why: "containers do not get their engine's affinity: their cpuset decides",
  },
  {
    facts: /^mount \/$/,
    ways: BUNDLE,
    is: /^\S+ rw,relatime /,
    why: "devices in a bundle's root filesystem work, as with runc",
  },
  {
    facts: /^mount \/dev$/,
    ways: BUNDLE,
    is: /^\/ rw,nosuid,noexec tmpfs tmpfs /,
    why: "the devices of a bundle are nodes in its /dev, as with runc",
  },
  {
    facts: /^mount \/dev\/(full|null|u?random|tty|zero)$/,
    ways: BUNDLE,
    of: "root",
    is: null,
    why: "the devices of a bundle are nodes in its /dev, as with runc",
  },
  {
    facts: /^mount \/etc\/host(name|s)$/,
    ways: BUNDLE,
    is: null,
    why: "the engine provides its own files in /etc",
  },
  {
    facts: /^mount \/proc\/(interrupts|keys|timer_list)$/,
    ways: BUNDLE,
    of: "root",
    is: /^\/null ro,nosuid,noexec,relatime /,
    why: "the host's read-only null device masks files, as with runc",
  },
  ...COMPILED
    ? [
      {
        facts: /^Max open files$/,
        ways: ["library"],
        of: "root",
        is: /^4096 4096 files$/,
        why:
          "deno raises the soft limit of its programs, and does not keep the old one",
      } as const,
    ]
    : [],
];

/** What a command inherits from its caller, as every program does. */
const INHERITED: Readonly<Record<string, [is: string, why: string]>> = {
  nice: ["15", "for nice(1) in front of the command"],
  scheduler: ["3", "for chrt(1) in front of the command"],
  ioprio: ["16390", "for ionice(1) in front of the command"],
  Cpus_allowed: ["1", "for taskset(1) in front of the command"],
  Cpus_allowed_list: ["0", "for taskset(1) in front of the command"],
  personality: ["00040000", "for setarch(8) in front of the command"],
  oom_score_adj: ["123", "for choom(1) in front of the command"],
  coredump_filter: ["0000007f", "the caller decides about core dumps"],
  timerslack_ns: ["77777", "the caller decides how to save power"],
  thp_disable: ["1", "the caller decides about memory"],
  THP_enabled: ["0", "the caller decides about memory"],
  mce_kill: ["1", "the caller decides about memory"],
  "Max open files": [
    `${COMPILED ? 777 : 4096} 4096 files`,
    "for ulimit in front of the command; deno raises the soft limit",
  ],
  "Max stack size": [
    "4194304 33554432 bytes",
    "for ulimit in front of the command",
  ],
  "Max core file size": [
    "4096 1048576 bytes",
    "for ulimit in front of the command",
  ],
};

async function compare(starter: Starter): Promise<void> {
  const host = readHost();
  const [reference, ...names] = Object.keys(WAYS);
  await using clean = await Starting.make({ ...starter, dirty: false });
  await using starting = await Starting.make(starter);
  const by = async (name: string, starting: Starting) =>
    read(await WAYS[name]!(starting), host);
  const untouched = await by(reference!, clean);
  const first = await by(reference!, starting);
  assertEquals(
    Object.fromEntries(differences(untouched, first)),
    Object.fromEntries(
      Object.entries(INHERITED).map(([key, [is]]) => [key, is]),
    ),
    "What the command inherits",
  );
  const of = starter.rootless ? "rootless" : "root";
  const known = DIFFERENCES.filter((one) => (one.of ?? of) === of);
  const skipped = starter.rootless
    // Only root may be able to read the Deno of these tests.
    ? ["library"]
    : [];
  const found: string[] = [];
  const unused = new Set(
    known.flatMap(({ facts, ways }) =>
      ways.filter((way) => !skipped.includes(way))
        .map((way) => `${facts} of ${way}`)
    ),
  );
  const told = await Promise.all(
    names.filter((name) => !skipped.includes(name)).map(async (name) =>
      [name, await by(name, starting)] as const
    ),
  );
  for (const [name, facts] of told) {
    for (const [key, value] of differences(first, facts)) {
      const entry = known.find(({ facts, ways, is }) =>
        ways.includes(name) && facts.test(key) &&
        (is === null ? value === null : value !== null && is.test(value))
      );
      if (entry) unused.delete(`${entry.facts} of ${name}`);
      else found.push(`${name}: ${key}: ${value}, not ${first.get(key)}`);
    }
  }
  assertEquals(found, [], "Differences without a reason");
  assertEquals(
    [...unused],
    [],
    "Differences that no longer exist: remove them",
  );
}

test(
  "root's command finds the same surroundings in every way of starting it",
  () => compare({ rootless: false, dirty: true }),
  { skip: noProbe },
);

test(
  "an ordinary user's command finds the same in every way of starting it",
  () => compare({ rootless: true, dirty: true }),
  // As for the library above: nobody may not reach Deno's file.
  {
    skip: noProbe ?? (COMPILED ? null : "deno may be where only root can go"),
  },
);
