/** What plain runs were decided from is checked before they are carried out. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { decidePlain, UNIFIED } from "./usual_runs.ts";

const V1 = "12:pids:/\n11:memory:/\n1:name=systemd:/\n0::/\n";

/**
 * For each read, the function of launch/native/guards.h that makes sure of the
 * same answer, or the reason why no other answer changes a plain run.
 */
const GUARDS: Readonly<Record<string, string>> = {
  "readText /proc/self/status": "has_rights",
  "readText /proc/self/uid_map": "has_rights",
  "ids ": "has_rights",
  "kernelRelease ": "fits_filter",
  "readText /proc/self/cgroup": "has_hierarchies",
  "descriptor 0": "look_at_streams",
  "descriptor 1": "look_at_streams",
  "descriptor 2": "look_at_streams",
  "isTerminal 0": "look_at_streams: a terminal is another device",
  "isTerminal 2": "look_at_streams: a terminal is another device",
  "isSameFile 1 2": "look_at_streams",
  "isInForeground ": "look_at_streams: no stream is a terminal",
  "stat ROOT": "has_places: only a directory has them",
  "openDirectory ROOT": "has_places",
  "in.stat ROOT /etc/hostname": "has_places",
  "in.stat ROOT /etc/hosts": "has_places",
  "in.exists ROOT /etc/hostname": "has_places",
  "in.exists ROOT /etc/hosts": "has_places",
  "in.exists ROOT /dev": "has_places",
  "in.lstat ROOT /dev": "has_places: it is a directory, not a link",
  "architecture ": "fixed when the program is built",
  "program ": "the program itself",
  "workingDirectory ": "the kernel looks up relative paths from there",
  "readText /proc/self/mountinfo":
    "on an initial ramfs pivot_root(2) fails, so the runtime takes over",
};

Deno.test("a plain run reads nothing of the machine without a guard", async () => {
  const used = new Set<string>();
  for (const cgroups of [UNIFIED, V1]) {
    for (const init of [true, false]) {
      for (const streams of ["null", "pipe", "file"] as const) {
        const kind = { cgroups, init, streams };
        const { spec, reads } = await decidePlain(kind);
        for (const { kind, of } of reads) {
          const words = of.join(" ").replace(String(spec.root.path), "ROOT");
          used.add(`${kind} ${words}`);
        }
      }
    }
  }
  const guarded = Object.keys(GUARDS);
  assertEquals([...used].filter((read) => !guarded.includes(read)), []);
  assertEquals(guarded.filter((read) => !used.has(read)), [], "not read");
});

Deno.test("the guards of plain runs exist", async () => {
  const source = new URL("../../launch/native/guards.h", import.meta.url);
  const text = await Deno.readTextFile(source);
  for (const guard of Object.values(GUARDS)) {
    const [name] = guard.match(/^\w+_\w+(?=$|:)/) ?? [];
    if (name) assertEquals(text.includes(`static i32 ${name}(`), true, name);
  }
});
