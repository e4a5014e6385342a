/** compile(): which steps a Spec and facts give, and in which order. */
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

/** A Spec with only a root and /proc, so the whole plan can be listed. */
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

Deno.test("compile() is pure: equal input gives equal output and stays unchanged", () => {
  const [one, facts] = [spec(), structuredClone(FACTS)];
  const before = structuredClone(one);
  assertEquals(compile(one, facts), compile(one, facts));
  assertEquals([one, facts], [before, FACTS]);
});

Deno.test("compile() launches PID 1: death signal, wait, check of the parent, execute", () => {
  assertEquals(kinds("launch"), [
    "setUmask",
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

Deno.test("compile() protects the child first and mounts last, in the new root", () => {
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

Deno.test("compile() without our program as PID 1 neither executes it nor cleans up", () => {
  assertEquals(kinds("launch", { init: false }), [
    "setUmask",
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

Deno.test("compile() makes the mounts private before it makes any other mount", () => {
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

Deno.test("compile() uses chroot instead of pivot_root if changeRoot says so", () => {
  for (const confineDevices of [true, false]) {
    const facts = { changeRoot: "chroot", confineDevices } as const;
    assertEquals(find("pivotRoot", facts), []);
    assertEquals(find("chroot", facts).map(({ root }) => root), ["/srv/fs"]);
  }
});

Deno.test("compile() opens bind sources before the root changes and attaches them after", () => {
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

Deno.test("compile() opens shared mounts before the tree is cut off, if the root is shared", () => {
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

Deno.test("compile() masks paths and makes them read-only after the last mount", () => {
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

Deno.test("compile() makes a read-only root read-only after the last step that makes a path", () => {
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

Deno.test("compile() with a user namespace maps ids while PID 1 waits, then PID 1 becomes root", () => {
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
  assertEquals(kinds("launch", facts, of).slice(4, 10), [
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
  // proc and sysfs are created while the host's are visible.
  assertEquals(find("createFilesystem", facts, of).map(({ type }) => type), [
    "proc",
    "sysfs",
  ]);
});

Deno.test("compile() cleans up: kill first, then unmount", () => {
  const two = spec({
    mounts: [
      { destination: "/proc", type: "proc" },
      { destination: "/tmp", type: "tmpfs", options: ["nosuid", "size=1m"] },
    ],
  });
  const unmounted = (spec: Spec) =>
    find("unmount", {}, spec).map(({ target }) => target);
  assertEquals(kinds("cleanup", {}, two), ["killAll", "unmount"]);
  assertEquals(unmounted(two), ["/proc"]);
  const namespaces = two.linux.namespaces.map((entry) =>
    entry.type === "mount" ? { ...entry, path: "/proc/9/ns/mnt" } : entry
  );
  const joined = { ...two, linux: { ...two.linux, namespaces } };
  assertEquals(unmounted(joined), ["/tmp", "/proc"]);
  const tmpfs = find("mount", {}, two).at(-1)!;
  assertEquals(tmpfs.data, "size=1m");
  assertEquals(tmpfs.flags, ["MS_NOSUID", "MS_NODEV"]);
  const open = find("mount", { confineDevices: false }, two).at(-1)!;
  assertEquals(open.flags, ["MS_NOSUID"]);
});

Deno.test("compile() makes each mountpoint directly before its mount", () => {
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

Deno.test("compile() follows neighbouring masked and read-only paths from one descriptor of /proc or /sys", () => {
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

Deno.test("compile() makes a file as the mountpoint of a file", () => {
  const of = spec({
    mounts: [{ destination: "/etc/hosts", type: "bind", source: "/srv/hosts" }],
  });
  const kind = (files: string[]) =>
    find("makeMountpoint", { files }, of).find(({ path }) =>
      path === "/etc/hosts"
    )!.kind;
  assertEquals([kind(["/srv/hosts"]), kind([])], ["file", "directory"]);
});

Deno.test("compile() gives the command the terminal only if the caller had it", () => {
  for (const foreground of [true, false]) {
    const [child, command] = find("setProcessGroup", { foreground });
    assertEquals([child!.foreground, command!.foreground], [false, foreground]);
  }
});

/** A Spec of a container with its own terminal. */
const onTerminal = () => {
  const of = spec();
  of.process.terminal = true;
  return of;
};

Deno.test("compile() makes PID 1 the session leader of the terminal, and the command a group in the session", () => {
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

Deno.test("compile() makes a command that is PID 1 the session leader", () => {
  const facts = makeFacts({ init: false });
  const { launch, process } = compile(onTerminal(), facts);
  assertEquals(launch.some(({ step }) => step === "makeSession"), false);
  assertEquals(process.slice(0, 2).map(({ step }) => step), [
    "makeSession",
    "openTerminal",
  ]);
});

Deno.test("compile() keeps standard error where it leads, for PID 1 or for both", () => {
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

Deno.test("compile() makes no namespace that the Spec joins or does not name", () => {
  const some = spec({
    linux: { namespaces: [{ type: "pid" }, { type: "uts", path: "/x" }] },
  });
  assertEquals(find("joinNamespaces", {}, some)[0]!.namespaces, [
    { type: "uts", path: "/x" },
  ]);
  assertEquals(find("clone", {}, some)[0]!.namespaces, ["pid"]);
  assertEquals(find("unshare", {}, some), []);
});

Deno.test("compile() sets no hostname if the Spec has none", () => {
  assertEquals(find("setHostname", {}, spec({ hostname: undefined })), []);
});
