/** Spec and facts to a plan: which steps, in which order, and why. */
// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import type { Spec } from "../spec/types.ts";
import { makeFacts } from "./_facts_fixture.ts";
import { compile } from "./compile.ts";
import type { Facts } from "./facts.ts";
import {
  type Phase,
  PHASES,
  type Step,
  type StepKind,
  type StepOf,
} from "./step.ts";

const FACTS = makeFacts();

const spec = (changes: Partial<Spec> = {}): Spec => ({
  ...defaultSpec({
    rootfs: "/srv/fs",
    args: ["sh", "-c", "exit"],
    env: ["PATH=/bin:/usr/bin"],
  }),
  ...changes,
});

/** Nothing but a root and /proc: short enough to be read as a whole. */
const small = (): Spec => {
  const { linux, ...rest } = spec();
  return {
    ...rest,
    mounts: rest.mounts?.filter(({ destination }) => destination === "/proc"),
    linux: { ...linux, maskedPaths: ["/proc/kcore"], readonlyPaths: [] },
  };
};

const kinds = (phase: Phase, facts: Partial<Facts> = {}, of = spec()) =>
  compile(of, { ...FACTS, ...facts })[phase].map(({ step }) => step);

function find<K extends StepKind>(
  kind: K,
  facts: Partial<Facts> = {},
  of = spec(),
): StepOf<K>[] {
  const plan = compile(of, { ...FACTS, ...facts });
  return PHASES.flatMap((phase) => plan[phase])
    .filter((step): step is StepOf<K> => step.step === kind);
}

Deno.test("compile() is pure: the same in gives the same out, and changes neither", () => {
  const [one, facts] = [spec(), structuredClone(FACTS)];
  const before = structuredClone(one);
  assertEquals(compile(one, facts), compile(one, facts));
  assertEquals([one, facts], [before, FACTS]);
});

Deno.test("compile() gives plain data: JSON and back is the same", () => {
  const plan = compile(spec(), FACTS);
  assertEquals(JSON.parse(JSON.stringify(plan)), plan);
});

Deno.test("launch asks for the death signal, then checks the parent, then executes", () => {
  assertEquals(kinds("launch"), [
    "clone",
    "setProcessGroup",
    "setSignalMask",
    "setParentDeathSignal",
    "waitForParent",
    "checkParent",
    "closeDescriptors",
    "executeSelf",
  ]);
});

Deno.test("container protects itself first and mounts last, in the new root", () => {
  const plain = { confineDevices: false };
  assertEquals(kinds("container", plain, small()), [
    "setDumpable",
    "unshare",
    "mount",
    "setHostname",
    "raiseLoopback",
    "openTree",
    "setMountAttributes",
    "mount",
    "pivotRoot",
    "makeMountpoint",
    "mount",
    "maskPath",
    "joinKeyring",
  ]);
});

Deno.test("without a program of ours inside, nothing waits, executes itself or cleans up", () => {
  assertEquals(kinds("launch", { init: false }), [
    "clone",
    "setParentDeathSignal",
    "waitForParent",
    "checkParent",
  ]);
  assertEquals(kinds("cleanup", { init: false }), []);
  assertEquals(find("clone", { init: false })[0]!.namespaces, [
    "pid",
    "mount",
    "uts",
    "ipc",
    "network",
  ]);
  assertEquals(find("unshare", { init: false })[0]!.namespaces, ["cgroup"]);
});

Deno.test("mounts are made private before any other is made", () => {
  const [first, ...rest] = find("mount");
  assertEquals(first!.flags, ["MS_REC", "MS_PRIVATE"]);
  assertEquals(rest.map(({ target }) => target), [
    "/srv/fs",
    "/proc",
    "/dev",
    "/dev/pts",
    "/sys",
    "/sys/fs/cgroup",
    "/dev/mqueue",
    "/dev/shm",
  ]);
  const steps = kinds("container");
  assertEquals(steps.slice(0, 3), ["setDumpable", "unshare", "mount"]);
});

Deno.test("changeRoot chroot takes the place of pivot_root", () => {
  for (const confineDevices of [true, false]) {
    const facts = { changeRoot: "chroot", confineDevices } as const;
    assertEquals(find("pivotRoot", facts), []);
    assertEquals(find("chroot", facts).map(({ root }) => root), ["/srv/fs"]);
  }
});

Deno.test("what is the host's is opened before the root changes and attached after", () => {
  const of = spec({
    mounts: [
      {
        destination: "/data",
        type: "bind",
        source: "/srv/data",
        options: ["ro"],
      },
    ],
  });
  const steps = compile(of, FACTS).container;
  const at = (what: (step: Step) => boolean) => steps.findIndex(what);
  const pivot = at(({ step }) => step === "pivotRoot");
  const opened = at((step) =>
    step.step === "openTree" && step.source === "/srv/data"
  );
  const closed = at((step) =>
    step.step === "setMountAttributes" && "name" in step.mount &&
    step.mount.name === "mount0" && step.set.includes("MOUNT_ATTR_RDONLY")
  );
  const attached = at((step) =>
    step.step === "attach" && step.target === "/data"
  );
  assert(
    0 <= opened && opened < closed && closed < pivot && pivot < attached,
    [opened, closed, pivot, attached].join(),
  );
});

Deno.test("what is to send to the host is opened before the tie is cut, where the root is shared", () => {
  const order = (rootfsPropagation?: "shared") => {
    const { linux } = spec();
    const of = spec({
      linux: { ...linux, rootfsPropagation },
      mounts: ["rprivate", "rshared"].map((option) => ({
        destination: `/${option}`,
        type: "bind",
        source: `/${option}`,
        options: ["rbind", option],
      })),
    });
    return compile(of, FACTS).container.flatMap((step) => {
      if (step.step === "openTree" && step.name.startsWith("mount")) {
        return [step.source];
      }
      return step.step === "mount" && step.target === "/" ? ["tree"] : [];
    });
  };
  assertEquals(order(), ["tree", "/rprivate", "/rshared"]);
  assertEquals(order("shared"), ["/rshared", "tree", "/rprivate", "tree"]);
});

Deno.test("paths are masked and made read-only when every mount is in its place", () => {
  const steps = compile(spec(), FACTS).container.map(({ step }) => step);
  const lastMount = Math.max(
    steps.lastIndexOf("mount"),
    steps.lastIndexOf("attach"),
  );
  const seals = ["readonlyPath", "maskPath"] as const;
  for (const seal of seals) {
    assert(steps.includes(seal), seal);
    assert(steps.indexOf(seal) > lastMount, seal);
  }
  assert(steps.indexOf("maskPath") > steps.lastIndexOf("readonlyPath"));
  assertEquals(
    find("maskPath").map(({ path }) => path),
    spec().linux.maskedPaths,
  );
  assertEquals(
    find("readonlyPath").map(({ path }) => path),
    spec().linux.readonlyPaths,
  );
});

Deno.test("a read-only root becomes so when nothing has to be made in it any more", () => {
  const steps = compile(
    spec({ root: { path: "/srv/fs", readonly: true } }),
    FACTS,
  ).container;
  const sealed = steps.findIndex((step) =>
    step.step === "setMountAttributes" && "path" in step.mount &&
    step.mount.path === "/" && step.set.includes("MOUNT_ATTR_RDONLY")
  );
  const made = steps.findLastIndex(({ step }) =>
    step === "makeMountpoint" || step === "makeDevice" || step === "mount"
  );
  assert(sealed > made && made > 0);
});

Deno.test("a user namespace: ids are mapped while PID 1 waits, then it becomes root, then all else", () => {
  const one = spec();
  const of = {
    ...one,
    linux: {
      ...one.linux,
      namespaces: [...one.linux.namespaces, { type: "user" as const }],
      uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
    },
  };
  const facts = { bindDevices: true, denySetgroups: true };
  assertEquals(kinds("host", facts, of), ["mapIds"]);
  assertEquals(kinds("launch", facts, of).slice(3, 9), [
    "setParentDeathSignal",
    "waitForParent",
    "checkParent",
    "setIds",
    "setParentDeathSignal",
    "checkParent",
  ]);
  assertEquals(find("clone", facts, of)[0]!.namespaces.includes("user"), true);
  assertEquals(find("makeDevice", facts, of), []);
  assertEquals(find("setIds", facts, of).map(({ groups }) => groups), [
    null,
    null,
  ]);
  // proc and sysfs are created while the host's can be seen.
  assertEquals(find("createFilesystem", facts, of).map(({ type }) => type), [
    "proc",
    "sysfs",
  ]);
});

Deno.test("cleanup kills before it unmounts, in the opposite order of mounting", () => {
  const two = spec({
    mounts: [
      { destination: "/proc", type: "proc" },
      { destination: "/tmp", type: "tmpfs", options: ["nosuid", "size=1m"] },
    ],
  });
  assertEquals(kinds("cleanup", {}, two), ["killAll", "unmount", "unmount"]);
  assertEquals(
    find("unmount", {}, two).map(({ target }) => target),
    ["/tmp", "/proc"],
  );
  const tmpfs = find("mount", {}, two).at(-1)!;
  assertEquals(tmpfs.data, "size=1m");
  assertEquals(tmpfs.flags, ["MS_NOSUID", "MS_NODEV"]);
  const open = find("mount", { confineDevices: false }, two).at(-1)!;
  assertEquals(open.flags, ["MS_NOSUID"]);
});

Deno.test("a mountpoint is made right before its mount", () => {
  const steps = compile(spec(), FACTS).container;
  const mounted = steps.filter((step) =>
    step.step === "mount" && step.target !== "/" && step.target !== "/srv/fs"
  );
  assertEquals(mounted.length, spec().mounts!.length);
  for (const mount of mounted) {
    const made = steps[steps.indexOf(mount) - 1]!;
    assert(made.step === "makeMountpoint" && mount.step === "mount");
    assertEquals([made.path, made.kind], [mount.target, "directory"]);
  }
});

Deno.test("seals on one file system of the kernel look from one descriptor of it", () => {
  const one = spec();
  const of = {
    ...one,
    linux: {
      ...one.linux,
      readonlyPaths: ["/proc/bus", "/proc/fs"],
      maskedPaths: [
        "/proc/kcore",
        "/sys/firmware",
        "/etc/secret",
        "/proc/keys",
      ],
    },
  };
  const withins = [...find("readonlyPath", {}, of), ...find("maskPath", {}, of)]
    .map(({ within: on }) => on && [on.type, on.opens, on.closes]);
  assertEquals(withins, [
    ["proc", true, false],
    ["proc", false, false],
    ["proc", false, true],
    ["sysfs", true, true],
    undefined,
    ["proc", true, true],
  ]);
});

Deno.test("a mountpoint for a file is a file", () => {
  const of = spec({
    mounts: [{ destination: "/etc/hosts", type: "bind", source: "/srv/hosts" }],
  });
  const kind = (files: string[]) =>
    find("makeMountpoint", { files }, of).find(({ path }) =>
      path === "/etc/hosts"
    )!.kind;
  assertEquals([kind(["/srv/hosts"]), kind([])], ["file", "directory"]);
});

Deno.test("the command has the terminal only where we had it", () => {
  for (const foreground of [true, false]) {
    const [child, command] = find("setProcessGroup", { foreground });
    assertEquals([child!.foreground, command!.foreground], [false, foreground]);
  }
});

/** A Spec whose container has a terminal of its own. */
const onTerminal = () => {
  const of = spec();
  of.process.terminal = true;
  return of;
};

Deno.test("PID 1 leads the session of the terminal, and the command is a group in it", () => {
  const { launch, container, process } = compile(onTerminal(), makeFacts());
  const names = (steps: Step[]) => steps.map(({ step }) => step);
  assertEquals(
    names(launch).filter((name) => /makeSession|Group/.test(name)),
    ["makeSession"],
  );
  assertEquals(names(container).at(-1), "openTerminal");
  assertEquals(names(process)[0], "setProcessGroup");
  assertEquals(names(process).includes("makeSession"), false);
});

Deno.test("a command that is PID 1 leads the session itself", () => {
  const facts = makeFacts({ init: false });
  const { launch, process } = compile(onTerminal(), facts);
  assertEquals(launch.some(({ step }) => step === "makeSession"), false);
  assertEquals(process.slice(0, 2).map(({ step }) => step), [
    "makeSession",
    "openTerminal",
  ]);
});

Deno.test("standard error that leads elsewhere stays there, for PID 1 or for both", () => {
  const streams = (changes: Partial<Facts>) => {
    const of = onTerminal();
    return [
      find("openTerminal", changes, of)[0]!.streams,
      find("shareTerminal", changes, of)[0]?.streams,
      find("reopenNull", changes, of)[0]?.descriptors,
    ];
  };
  const elsewhere = { errorsOnTerminal: false, nullStreams: [2] };
  assertEquals(streams({}), [[0, 1, 2], undefined, undefined]);
  assertEquals(streams(elsewhere), [[0, 1], [2], undefined]);
  assertEquals(
    streams({ ...elsewhere, terminalStreams: [0, 1] }),
    [[0, 1], undefined, [2]],
  );
});

Deno.test("a namespace that is joined, or not named, is not made", () => {
  const some = spec({
    linux: { namespaces: [{ type: "pid" }, { type: "uts", path: "/x" }] },
  });
  assertEquals(find("joinNamespaces", {}, some)[0]!.namespaces, [
    { type: "uts", path: "/x" },
  ]);
  assertEquals(find("clone", {}, some)[0]!.namespaces, ["pid"]);
  assertEquals(find("unshare", {}, some), []);
});

Deno.test("no hostname, no step", () => {
  assertEquals(find("setHostname", {}, spec({ hostname: undefined })), []);
});
