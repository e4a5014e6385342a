/** The stage on which devices and files in memory are made, and when it is unmounted. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../../spec/defaults.ts";
import type { Device, Spec } from "../../spec/types.ts";
import { makeFacts } from "../_facts_fixture.ts";
import { compile } from "../compile.ts";
import type { Facts } from "../facts.ts";
import { MEMORY_FILE } from "./memory_files.ts";

const HOSTS = { destination: "/etc/hosts", type: MEMORY_FILE, source: "" };
const ZERO: Device = { type: "c", path: "/dev/null", major: 1, minor: 5 };

function spec(linux: Partial<Spec["linux"]> = {}, root = "/srv/fs"): Spec {
  const made = defaultSpec({ rootfs: root, args: ["sh"], env: [] });
  return {
    ...made,
    mounts: [...made.mounts ?? [], HOSTS],
    linux: { ...made.linux, ...linux },
  };
}

/** Whether the stage is unmounted from the host's /dev, before the root changes. */
const unmountsStage = (spec: Spec, facts: Partial<Facts> = {}) => {
  const plan = compile(spec, {
    ...makeFacts(),
    ...{ confineDevices: true, bindDevices: false, init: false },
    ...facts,
  });
  return plan.container.some((step) =>
    step.step === "unmount" && step.target === "/dev"
  );
};

Deno.test("prepareDevices() leaves the stage to pivot_root if no step needs the host's /dev", () => {
  assertEquals(unmountsStage(spec()), false);
  const overlay = { upper: "/srv/o/upper", work: "/srv/o/work" };
  assertEquals(unmountsStage(spec(), { overlay }), false);
});

Deno.test("prepareDevices() unmounts the stage if a step still needs the host's /dev", () => {
  const bound = { bindDevices: true };
  assertEquals(unmountsStage(spec(), { changeRoot: "chroot" }), true);
  assertEquals(unmountsStage(spec(), { rootKind: "host" }), true);
  assertEquals(unmountsStage(spec(), { rootKind: "image" }), true);
  assertEquals(unmountsStage(spec({}, "/dev/shm/fs")), true);
  const overlay = { upper: "/dev/shm/o/upper", work: "/dev/shm/o/work" };
  assertEquals(unmountsStage(spec(), { overlay }), true);
  // The null device that covers masked files is the host's, not the stage's.
  assertEquals(unmountsStage(spec(), bound), true);
  assertEquals(unmountsStage(spec({ maskedPaths: [] }), bound), false);
  assertEquals(unmountsStage(spec({ devices: [ZERO] })), true);
});
