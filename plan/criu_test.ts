// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { Spec } from "../spec/types.ts";
import { criuRestore } from "./criu.ts";

const steps = (change: Partial<Spec>, linux: Partial<Spec["linux"]> = {}) =>
  criuRestore(
    {
      root: { path: "/r" },
      mounts: [
        { destination: "/proc", type: "proc" },
        { destination: "/data", type: "bind", source: "/srv" },
        { destination: "/data/in", type: "tmpfs" },
        { destination: "/file", type: "bind", source: "/etc/hosts" },
      ],
      linux: { namespaces: [], ...linux },
      ...change,
    } as unknown as Spec,
    ["/file"],
    ["criu", "restore"],
    "PATH=/bin",
  );

Deno.test("criuRestore() makes mountpoints inside the root, but none in another mount", () => {
  const names = steps({}).map(({ step }) => step);
  const inside = steps({}).slice(
    names.indexOf("visitRoot") + 1,
    names.indexOf("returnToRoot"),
  );
  assertEquals(
    inside.map((step) =>
      step.step === "makeMountpoint" && [
        step.path,
        step.kind,
      ]
    ),
    [["/proc", "directory"], ["/data", "directory"], ["/file", "file"]],
  );
});

Deno.test("criuRestore() makes a read-only root read-only", () => {
  const readonly = (root: Spec["root"]) =>
    steps({ root }).filter((step) =>
      step.step === "setMountAttributes" && "path" in step.mount &&
      step.mount.path === "/r" && step.set.includes("MOUNT_ATTR_RDONLY")
    ).length;
  assertEquals(readonly({ path: "/r", readonly: true }), 1);
  assertEquals(readonly({ path: "/r" }), 0);
});

Deno.test("criuRestore() bind mounts the host's devices read-only", () => {
  const bound = (linux: Partial<Spec["linux"]>) =>
    steps({}, linux).flatMap((step) =>
      step.step === "attach" ? [step.target] : []
    );
  assertEquals(bound({}), ["/dev/null"]);
  assertEquals(
    bound({ uidMappings: [{ containerID: 0, hostID: 9, size: 1 }] }).length,
    6,
  );
});
