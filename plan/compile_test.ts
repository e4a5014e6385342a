/** Spec and facts to a plan: which steps, in which order, and why. */
// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertNotMatch } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import type { Spec } from "../spec/types.ts";
import { compile } from "./compile.ts";
import { describe } from "./describe.ts";
import type { Facts } from "./facts.ts";
import { candidates } from "./process.ts";
import { type Phase, PHASES, type StepKind, type StepOf } from "./step.ts";

const FACTS: Facts = {
  self: { argv: ["/proc/self/exe"], env: ["HOME=/root"] },
  changeRoot: "pivot_root",
  foreground: false,
  missing: [],
};

const spec = (changes: Partial<Spec> = {}): Spec => ({
  ...defaultSpec({
    rootfs: "/srv/fs",
    args: ["sh", "-c", "exit"],
    env: ["PATH=/bin:/usr/bin"],
  }),
  ...changes,
});

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
  assertEquals(kinds("container"), [
    "setDumpable",
    "unshare",
    "mount",
    "setHostname",
    "mount",
    "pivotRoot",
    "mount",
  ]);
});

Deno.test("mounts are made private before any other is made", () => {
  const [first, ...rest] = find("mount");
  assertEquals(first!.flags, ["MS_REC", "MS_PRIVATE"]);
  assertEquals(rest.map(({ target }) => target), ["/srv/fs", "/proc"]);
});

Deno.test("changeRoot chroot takes the place of the bind mount and pivot_root", () => {
  assertEquals(kinds("container", { changeRoot: "chroot" }), [
    "setDumpable",
    "unshare",
    "mount",
    "setHostname",
    "chroot",
    "mount",
  ]);
});

Deno.test("process closes descriptors before it changes directory (CVE-2024-21626)", () => {
  assertEquals(kinds("process"), [
    "setProcessGroup",
    "closeDescriptors",
    "changeDirectory",
    "checkDirectory",
    "defaultSignals",
    "setSignalMask",
    "execute",
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
  assertEquals([tmpfs.flags, tmpfs.data], [["MS_NOSUID"], "size=1m"]);
});

Deno.test("a missing mountpoint is made before its mount", () => {
  const made = compile(spec(), { ...FACTS, missing: ["/proc"] }).container;
  const at = made.findIndex(({ step }) => step === "makeDirectory");
  assertEquals(made[at + 1]!.step, "mount");
  assertEquals(find("makeDirectory").length, 0);
});

Deno.test("the command has the terminal only where we had it", () => {
  for (const foreground of [true, false]) {
    const [child, command] = find("setProcessGroup", { foreground });
    assertEquals([child!.foreground, command!.foreground], [false, foreground]);
  }
});

Deno.test("a namespace that is joined, or not named, is not made", () => {
  const some = spec({
    linux: { namespaces: [{ type: "pid" }, { type: "uts", path: "/x" }] },
  });
  assertEquals(find("clone", {}, some)[0]!.namespaces, ["pid"]);
  assertEquals(find("unshare", {}, some), []);
});

Deno.test("no hostname, no step", () => {
  assertEquals(find("setHostname", {}, spec({ hostname: undefined })), []);
});

Deno.test("every step has words, a reason and a man page", () => {
  for (const changeRoot of ["pivot_root", "chroot"] as const) {
    for (const foreground of [true, false]) {
      const plan = compile(spec(), {
        ...FACTS,
        changeRoot,
        foreground,
        missing: ["/proc"],
      });
      for (const step of PHASES.flatMap((phase) => plan[phase])) {
        assertNotMatch(describe(step), /undefined|null|\.$|^[A-Z]/);
        assert(step.why.length > 10, step.step);
        assert(/\(\d\)/.test(step.man), step.step);
      }
    }
  }
});

Deno.test("candidates() walks PATH in its order", () => {
  assertEquals(candidates("ls", ["PATH=/a:/b/c"]), ["/a/ls", "/b/c/ls"]);
});

Deno.test("candidates() takes a path as it is", () => {
  assertEquals(candidates("./ls", ["PATH=/a"]), ["./ls"]);
  assertEquals(candidates("/bin/ls", []), ["/bin/ls"]);
});

Deno.test("candidates() has a default, and an empty entry is the working directory", () => {
  assertEquals(candidates("ls", []), ["/bin/ls", "/usr/bin/ls"]);
  assertEquals(candidates("ls", ["PATH=/a::"]), ["/a/ls", "./ls", "./ls"]);
});

Deno.test("candidates() takes the last of two PATHs", () => {
  assertEquals(candidates("ls", ["PATH=/a", "PATH=/b"]), ["/b/ls"]);
});
