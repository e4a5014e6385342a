// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { skipKnownDirectories } from "./known_directories.ts";
import type { Step } from "../step.ts";

const said = { why: "", man: "" };
const mount = (target: string): Step => ({
  ...{ step: "attach", name: "x", target, ...said },
});
const make = (path: string): Step => ({
  ...{ step: "makeMountpoint", path, kind: "directory", ...said },
});

const insides = (...steps: Step[]) =>
  skipKnownDirectories(steps).flatMap((step) =>
    step.step === "makeMountpoint" ? [step.inside] : []
  );

Deno.test("skipKnownDirectories() names the nearest mount above a path", () => {
  assertEquals(
    insides(
      ...[make("/sys/fs"), mount("/sys"), make("/sys/fs/cgroup")],
      ...[mount("/sys/fs/cgroup"), make("/sys/fs/cgroup/cpu"), make("/sysx/y")],
      make("/sys"),
    ),
    [undefined, "/sys", "/sys/fs/cgroup", undefined, undefined],
  );
});

Deno.test("skipKnownDirectories() forgets mounts that are hidden, unmounted or in another root", () => {
  assertEquals(insides(mount("/a/b"), mount("/a"), make("/a/b/c")), ["/a"]);
  assertEquals(
    insides(
      mount("/a"),
      { step: "unmount", target: "/a", ...said },
      make("/a/b"),
    ),
    [undefined],
  );
  assertEquals(
    insides(
      mount("/a"),
      { step: "pivotRoot", root: "/r", ...said },
      make("/a/b"),
    ),
    [undefined],
  );
});
