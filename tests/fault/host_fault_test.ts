/**
 * Each step of the host phase fails in turn, and the program is killed at each,
 * before the step and after it. A failed start leaves nothing. What a killed
 * one leaves is gone after the next command: a `run`, or the removal of its
 * container.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readHierarchy } from "../../cgroup/mod.ts";
import { HOST_DESCRIPTIONS } from "../../explain/steps/describe_host.ts";
import type { HostStep } from "../../plan/step.ts";
import { Bundle } from "../_bundle.ts";
import { bundled } from "../_bundled.ts";
import type { Config } from "../_config.ts";
import {
  container,
  execute,
  rootfs,
  run,
  TempDir,
  test,
  until,
  without,
} from "../_harness.ts";
import { makeImage, missing } from "../_image.ts";
import { namesIn, recordsOf, undoDirectory } from "../_undo_files.ts";
import { type HostFault, ON_PURPOSE } from "./_host_fault.ts";
import { SHARES } from "./_fault.ts";
import { pooled } from "./_pooled.ts";

const MAIN = "fault/_host_fault_main.ts";

/** A host phase that is carried out again and again. */
interface Case {
  act: "run" | "network" | "wayOut" | "detached" | "create" | "madeUp";
  /** The words after the act, with a directory of its own. */
  words: (directory: string) => readonly string[];
  /** Prepares the directory. */
  before?: (directory: string) => Promise<void>;
  /** Removes what a killed program has left. */
  sweep: (directory: string) => Promise<void>;
  /** Checks and removes what {@linkcode Case.before} has made elsewhere. */
  after?: (directory: string, fault: HostFault) => Promise<void>;
  /** Standard output is a file. */
  toFile?: true;
}

const covered = new Set<string>();

/** Everything below a directory, with the modes and sizes of files. */
function contentOf(directory: string, within = ""): string[] {
  return namesIn(`${directory}/${within}`).sort().flatMap((name) => {
    const path = `${within}${name}`;
    const { isDirectory, mode } = Deno.lstatSync(`${directory}/${path}`);
    return [
      `${path} ${mode?.toString(8)}`,
      ...(isDirectory ? contentOf(directory, `${path}/`) : []),
    ];
  });
}

async function stepsOf(
  { act, words, before, after, toFile }: Case,
): Promise<readonly HostStep[]> {
  await using dir = new TempDir();
  await before?.(dir.path);
  const file = `${dir.path}/steps`;
  const { status, stderr } = await ended(
    [...await bundled(MAIN), `--print=${file}`, act, ...words(dir.path)],
    toFile,
  );
  assertEquals([status, stderr], [0, ""]);
  await after?.(dir.path, { index: -1, moment: "before", action: "fail" });
  return JSON.parse(await Deno.readTextFile(file));
}

/** Carries out the case with one fault, and checks that nothing is left. */
async function withFault(one: Case, fault: HostFault, step: HostStep) {
  await using dir = new TempDir();
  await one.before?.(dir.path);
  const what = `${fault.action} ${fault.moment} ${fault.index} ${step.step}`;
  const before = contentOf(dir.path);
  const words = [
    ...await bundled(MAIN),
    ...[JSON.stringify(fault), one.act, ...one.words(dir.path)],
  ];
  const { pid, status, stderr } = await ended(words, one.toFile);
  if (fault.action === "fail") {
    assertEquals(status, 125, `${what}: ${stderr}`);
    assertStringIncludes(stderr, `container: ${ON_PURPOSE}`, what);
  } else {
    assertEquals(status, 137, `${what}: ${stderr}`);
    await one.sweep(dir.path);
  }
  const { records, drafts } = recordsOf(pid);
  assertEquals([records, drafts], [[], []], what);
  // The resolver notices a little later that its last container has ended.
  await until(
    `${what}: no resolver`,
    () => !contentOf(dir.path).some((line) => line.includes("/dns/socket")),
  );
  assertEquals(contentOf(dir.path), before, what);
  await one.after?.(dir.path, fault);
  covered.add(`${step.step} ${fault.action}`);
}

/** Runs words, and returns their pid as well. */
async function ended(words: readonly string[], toFile = false) {
  await using dir = new TempDir();
  const output = toFile ? `> ${dir.path}/output` : "> /dev/null";
  const child = new Deno.Command("sh", {
    args: ["-c", `exec "$@" ${output}`, "sh", ...words],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stderr = await new Response(child.stderr).text();
  const { code, signal } = await child.status;
  return { pid: child.pid, status: signal ? 137 : code, stderr };
}

async function failAll(one: Case): Promise<void> {
  const steps = await stepsOf(one);
  assert(steps.length > 1);
  // The first and the last of several steps of a kind.
  const chosen = steps.keys().filter((index) =>
    steps[index - 1]?.step !== steps[index]!.step ||
    steps[index + 1]?.step !== steps[index]!.step
  );
  const faults = [...chosen].flatMap((index) =>
    (["before", "after"] as const).flatMap((moment) =>
      (["fail", "kill"] as const).map((action): HostFault => ({
        index,
        moment,
        action,
      }))
    )
  );
  await pooled(
    faults,
    SHARES,
    (fault) => withFault(one, fault, steps[fault.index]!),
  );
}

/** The next `run` sweeps before it does anything else. */
const nextRun = async () => {
  const { status, stderr } = await run(["true"]);
  assertEquals([status, stderr], [0, ""]);
};

const MAPPED = [
  ...["--userns", "--uidmap=0:100000:65536", "--gidmap=0:100000:65536"],
];

const FLAGS = [
  ...["-m", "64m", "--cpuset-cpus", "0", "--tmpfs", "/tmp:tmpcopyup"],
  ...MAPPED,
];

test("a failed or killed run leaves nothing on the host", () =>
  failAll({
    act: "run",
    before: (directory) => Deno.mkdir(`${directory}/data`),
    words: (directory) => [
      ...["-q", "--rootfs", rootfs(), ...FLAGS],
      ...["-v", `${directory}/data:/mnt:idmap`],
      ...["--overlay", `${directory}/layers/deep`, "true"],
    ],
    sweep: nextRun,
    toFile: true,
  }));

test(
  "a failed or killed run of an image leaves nothing on the host",
  async () => {
    await using dir = new TempDir();
    const image = await makeImage("squashfs", dir.path);
    await failAll({
      act: "run",
      words: (directory) => [
        ...["-q", "--rootfs", image, "--ephemeral", "-m", "64m"],
        ...["--seccomp", `learn=${directory}/profile`, "true"],
      ],
      sweep: nextRun,
    });
  },
  { skip: missing("squashfs") },
);

/** Whether the host forwards packets. */
const FORWARD = "/proc/sys/net/ipv4/ip_forward";

test(
  "a failed or killed run in a network gives its address and its ports back",
  async () => {
    await using dir = new TempDir();
    const words = (directory: string) => [
      ...[`${directory}/networks`, "-q", "--no-init", "--rootfs", rootfs()],
      "true",
    ];
    await Deno.writeTextFile(FORWARD, "0");
    // The records, locks and directories that stay with the first container.
    const nothing: HostFault = { index: -1, moment: "before", action: "fail" };
    const main = await bundled(MAIN);
    const first = await ended(
      [...main, JSON.stringify(nothing), "network", ...words(dir.path)],
    );
    assertEquals([first.status, first.stderr], [0, ""]);
    const from = `${dir.path}/networks`;
    await until(
      "no resolver",
      () => !namesIn(`${from}/dns`).includes("socket"),
    );
    await failAll({
      act: "network",
      words,
      before: async (directory) => {
        await execute(["cp", "-a", from, directory]);
      },
      sweep: nextRun,
    });
    assertEquals(await published(), []);
    await until("no relay of ports", () => relays().length === 0);
    assertEquals(await Deno.readTextFile(FORWARD), "0\n");
    assert(await ip("link", "del", "container0"));
    await execute(["nft", "delete", "table", "ip", "container"]);
  },
  { skip: without("ip") ?? without("nft") },
);

test(
  "a failed or killed run leaves no program that is its way out",
  async () => {
    await failAll({
      act: "wayOut",
      words: (directory) => [
        ...[directory, "-q", "--no-init", "--rootfs", rootfs(), ...MAPPED],
        "true",
      ],
      before: async (directory) => {
        await Deno.mkdir(`${directory}/ways`, { mode: 0o700 });
        await Deno.mkdir(`${directory}/ports`, { mode: 0o700 });
      },
      sweep: nextRun,
    });
    await until("no program", () => running("slirp4netns").length === 0);
  },
  { skip: without("slirp4netns") ?? noTunnel() },
);

/** Why no device can be made here for a program's packets, or null. */
function noTunnel(): string | null {
  try {
    Deno.openSync("/dev/net/tun", { read: true, write: true }).close();
    return null;
  } catch {
    return "needs /dev/net/tun";
  }
}

/** The ports that the firewall sends to containers. */
async function published(): Promise<string[]> {
  const map = ["nft", "list", "map", "ip", "container", "published"];
  return (await execute(map)).stdout.match(/tcp \. \d+/g) ?? [];
}

/** The processes that hold published ports. */
const relays = () => running("container-ports");

/** The processes whose first word begins so. */
const running = (word: string) =>
  namesIn("/proc").filter((pid) => {
    try {
      // Of one that has ended, and is not reaped, it is empty.
      return Deno.readTextFileSync(`/proc/${pid}/cmdline`)
        .startsWith(word);
    } catch {
      return false;
    }
  });

test("a failed run --detach leaves nothing, and rm removes what a killed one left", () =>
  failAll({
    act: "detached",
    words: (directory) => [
      ...[`${directory}/state`, "-q", "--rootfs", rootfs(), "-m", "64m"],
      ...["--overlay", `${directory}/layers`, "sleep", "1000"],
    ],
    before: async (directory) => {
      await Deno.mkdir(`${directory}/state/@names`, { recursive: true });
      const lock = `${directory}/state/@names/.lock`;
      await Deno.writeTextFile(lock, "", { mode: 0o600 });
    },
    async sweep(directory) {
      const { status, stderr } = await container(
        ["--root", `${directory}/state`, "rm", "--force", "faulty"],
      );
      assertEquals([status, stderr], [0, ""]);
      // It may have been killed before it knew that the file is its own.
      await Deno.remove(`${directory}/id`).catch(() => {});
    },
  }));

/** A cgroup that exists before the container, in one tree. */
const existing = (directory: string) => {
  const { mounts } = readHierarchy();
  const tree = mounts.find(({ version }) => version === 2) ?? mounts[0]!;
  return `${tree.path}/${basename(directory)}`;
};

const basename = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The name of a network device for a container: at most 15 characters. */
const deviceOf = (directory: string) => `ct${basename(directory).slice(-12)}`;

async function ip(...args: string[]): Promise<boolean> {
  return (await execute(["ip", ...args])).status === 0;
}

test(
  "a failed create leaves nothing, and delete --force removes what a killed one left",
  async () => {
    await using bundle = await Bundle.make(["sleep", "1000"]);
    const config = JSON.parse(
      await Deno.readTextFile(`${bundle.dir.path}/config.json`),
    ) as Config;
    Object.assign(config, { root: { path: `${bundle.dir.path}/rootfs` } });
    await failAll({
      act: "create",
      async before(directory) {
        const name = deviceOf(directory);
        const peer = ["peer", "name", `${name}p`];
        assert(await ip("link", "add", name, "type", "veth", ...peer));
        config.linux.netDevices = { [name]: {} };
        config.linux.resources = { pids: { limit: 9 } };
        config.linux.cgroupsPath = `/${basename(directory)}/inner`;
        await Deno.writeTextFile(
          `${directory}/config.json`,
          JSON.stringify(config),
        );
        await Deno.mkdir(`${existing(directory)}/inner`, { recursive: true });
        await Deno.mkdir(`${directory}/state`, { mode: 0o711 });
      },
      words: (directory) => [
        ...[`${directory}/state`, "--bundle", directory],
        ...["--pid-file", `${directory}/pid`, "one"],
      ],
      async sweep(directory) {
        const { status, stderr } = await container(
          ["--root", `${directory}/state`, "delete", "--force", "one"],
        );
        assertEquals([status, stderr], [0, ""]);
        // Its engine reads the file, and removes it.
        await Deno.remove(`${directory}/pid`).catch(() => {});
      },
      async after(directory, { action }) {
        await Deno.remove(`${existing(directory)}/inner`);
        await Deno.remove(existing(directory));
        const isThere = await ip("link", "del", deviceOf(directory));
        // A network namespace ends with its devices, except hardware.
        assert(isThere || action === "kill");
      },
    });
  },
  { skip: without("ip") },
);

test("failed and killed steps of other machines leave nothing", () =>
  failAll({
    act: "madeUp",
    words: (directory) => [directory],
    async before(directory) {
      await Deno.writeTextFile(`${directory}/tasks`, "");
      for (const name of ["containers", "layers", "volumes", "work"]) {
        await Deno.mkdir(`${directory}/store/${name}`, { recursive: true });
      }
      await Deno.writeTextFile(`${directory}/store/lock`, "");
    },
    sweep: async (directory) => {
      await nextRun();
      await Deno.truncate(`${directory}/tasks`);
    },
  }));

test("every kind of host step has failed and has been killed", () => {
  const kinds = Object.keys(HOST_DESCRIPTIONS).filter((kind) =>
    !covered.has(`${kind} fail`) || !covered.has(`${kind} kill`)
  );
  // Only with systemd. Its failure is in tests/fault/host_undo_test.ts.
  assertEquals(kinds, ["startScope"]);
});

test("no record is left", () => {
  assertEquals(
    namesIn(undoDirectory()).filter((name) => name.startsWith("made-up")),
    [],
  );
});
