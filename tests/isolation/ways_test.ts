/**
 * One command is the same however it is started. What differs stands here with
 * its reason, and so does what it inherits of a caller; anything else fails.
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
  /** What it is there; null where it is not at all. */
  is: RegExp | null;
  why: string;
  /** Whose containers show it; both without. */
  of?: "root" | "rootless";
}

const DIFFERENCES: readonly Difference[] = [
  {
    facts: /^pid$/,
    ways: [...WALKED, ...ALONE],
    is: /^1$/,
    why: "nothing of ours stays inside: the command is PID 1",
  },
  {
    facts: /^sees its parent$/,
    ways: [...WALKED, ...ALONE, ...EXEC],
    is: /^0$/,
    why: "whoever started it is outside of its PID namespace",
  },
  {
    facts: /^pdeathsig$/,
    ways: [...WALKED, ...EXEC],
    is: /^9$/,
    why:
      "it ends with the process that waits for it; where PID 1 is ours, that one is tied instead",
  },
  {
    facts: /^leads its session$/,
    ways: ["-t --no-init", ...ALONE, ...EXEC],
    is: /^1$/,
    why:
      "it has a terminal of its own, or outlives the one of whoever started it, or joins from another session",
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
    why: "it has a terminal of its own, and is in front of it",
  },
  {
    facts: /^mount \/dev\/console$/,
    ways: NEW_TERMINAL,
    is: /^\/0 rw,nosuid,noexec,relatime devpts devpts /,
    why: "the terminal that the container was made with is its console",
  },
  {
    facts: /^environment TERM$/,
    ways: TERMINAL,
    is: /^xterm$/,
    why: "programs ask what the terminal can do",
  },
  {
    facts: /^stream [12]$/,
    ways: ["run -d"],
    of: "rootless",
    is: /^mode 10600 of 0:0$/,
    why: "the pipes are the keeper's, and so its user's",
  },
  {
    facts: /^environment HOSTNAME$/,
    ways: BUNDLE,
    is: null,
    why: "the environment of a bundle is its own",
  },
  {
    facts: /^environment (PATH|TERM)$/,
    ways: BUNDLE,
    is: /^(\/bin:\/sbin:\/usr\/bin:\/usr\/sbin|xterm)$/,
    why: "the environment of a bundle is its own",
  },
  {
    facts: /^Groups$/,
    ways: BUNDLE,
    of: "root",
    is: /^$/,
    why: "a bundle names its supplementary groups, and this one has none",
  },
  {
    facts: /^Umask$/,
    ways: BUNDLE,
    is: /^0022$/,
    why: "an engine's umask is not its containers': a bundle has 022",
  },
  {
    facts: /^Cpus_allowed(_list)?$/,
    ways: BUNDLE,
    is: /./,
    why: "an engine's affinity is not its containers': that is their cpuset",
  },
  {
    facts: /^mount \/$/,
    ways: BUNDLE,
    is: /^\S+ rw,relatime /,
    why: "devices of a bundle's root filesystem work, as with runc",
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
    why: "the engine brings the files that it wants in /etc",
  },
  {
    facts: /^mount \/proc\/(interrupts|keys|timer_list)$/,
    ways: BUNDLE,
    of: "root",
    is: /^\/null ro,nosuid,noexec,relatime /,
    why: "masks are the host's null device, read-only, as with runc",
  },
  ...COMPILED
    ? [
      {
        facts: /^Max open files$/,
        ways: ["library"],
        of: "root",
        is: /^4096 4096 files$/,
        why:
          "deno raises the soft limit of whatever it runs, and keeps no trace of what that was",
      } as const,
    ]
    : [],
];

/** What a command inherits of whoever starts it, as any program does. */
const INHERITED: Readonly<Record<string, [is: string, why: string]>> = {
  Umask: ["0027", "new files are as the caller wants them"],
  nice: ["15", "nice(1) in front of it means it"],
  scheduler: ["3", "chrt(1) in front of it means it"],
  ioprio: ["16390", "ionice(1) in front of it means it"],
  Cpus_allowed: ["1", "taskset(1) in front of it means it"],
  Cpus_allowed_list: ["0", "taskset(1) in front of it means it"],
  personality: ["00040000", "setarch(8) in front of it means it"],
  oom_score_adj: ["123", "choom(1) in front of it means it"],
  coredump_filter: ["0000007f", "dumps are as the caller wants them"],
  timerslack_ns: ["77777", "it is the caller's way of saving power"],
  thp_disable: ["1", "it is the caller's choice of memory"],
  THP_enabled: ["0", "it is the caller's choice of memory"],
  mce_kill: ["1", "it is the caller's choice of memory"],
  "Max open files": [
    `${COMPILED ? 777 : 4096} 4096 files`,
    "ulimit in front of it means it; deno raises the soft limit",
  ],
  "Max stack size": ["4194304 33554432 bytes", "ulimit means it"],
  "Max core file size": ["4096 1048576 bytes", "ulimit means it"],
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
    "What the caller hands on",
  );
  const of = starter.rootless ? "rootless" : "root";
  const known = DIFFERENCES.filter((one) => (one.of ?? of) === of);
  const skipped = starter.rootless
    // The deno of these tests may be where only root can read.
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
  assertEquals([...unused], [], "Differences that are no more: take them out");
}

test(
  "a command of root's is the same in every way to start it",
  () => compare({ rootless: false, dirty: true }),
  { skip: noProbe },
);

test(
  "a command of a user's is the same in every way to start it",
  () => compare({ rootless: true, dirty: true }),
  // Like the library above: nobody may not get to deno's file.
  {
    skip: noProbe ?? (COMPILED ? null : "deno may be where only root can go"),
  },
);
