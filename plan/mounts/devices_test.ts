/** Where devices and files in memory are made, and what becomes of that place. */
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

/** Whether the stage is taken from the host's /dev, before the root changes. */
const isCleared = (spec: Spec, facts: Partial<Facts> = {}) => {
  const plan = compile(spec, {
    ...makeFacts(),
    ...{ confineDevices: true, bindDevices: false, init: false },
    ...facts,
  });
  return plan.container.some((step) =>
    step.step === "unmount" && step.target === "/dev"
  );
};

Deno.test("prepareDevices() leaves the stage to pivot_root where nothing needs the host's /dev", () => {
  assertEquals(isCleared(spec()), false);
  const overlay = { upper: "/srv/o/upper", work: "/srv/o/work" };
  assertEquals(isCleared(spec(), { overlay }), false);
});

Deno.test("prepareDevices() clears the stage where the host's /dev is still needed", () => {
  const bound = { bindDevices: true };
  assertEquals(isCleared(spec(), { changeRoot: "chroot" }), true);
  assertEquals(isCleared(spec(), { rootKind: "host" }), true);
  assertEquals(isCleared(spec(), { rootKind: "image" }), true);
  assertEquals(isCleared(spec({}, "/dev/shm/fs")), true);
  const overlay = { upper: "/dev/shm/o/upper", work: "/dev/shm/o/work" };
  assertEquals(isCleared(spec(), { overlay }), true);
  // The null device that masks files is the host's, not the stage's.
  assertEquals(isCleared(spec(), bound), true);
  assertEquals(isCleared(spec({ maskedPaths: [] }), bound), false);
  assertEquals(isCleared(spec({ devices: [ZERO] })), true);
});
