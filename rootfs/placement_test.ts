// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { RootfsError } from "./errors.ts";
import { mountOf, mountsWithin, parseMountinfo } from "./mountinfo.ts";
import { decidePlacement, type PlacementFacts } from "./placement.ts";

const MOUNTS = parseMountinfo(`27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:30 / /mnt/a\\040b rw,nosuid,nodev shared:3 - tmpfs tmpfs rw
41 40 0:31 / /mnt/a\\040b/suid rw - tmpfs tmpfs rw
42 27 0:32 / /twice rw,nosuid - tmpfs tmpfs rw
43 42 0:33 / /twice rw - tmpfs tmpfs rw
`);

function facts(changes: Partial<PlacementFacts> = {}): PlacementFacts {
  return {
    target: "/home/me/fs",
    parent: { mode: 0o40755, uid: 1000 },
    uid: 1000,
    mounts: MOUNTS,
    ...changes,
  };
}

Deno.test("decidePlacement() hides the tree if others can enter the parent", () => {
  const hidden = {
    kind: "hidden",
    home: "/home/me/.fs.d",
    tree: "/home/me/.fs.d/rootfs",
    link: ".fs.d/rootfs",
  } as const;
  assertEquals(decidePlacement(facts()), hidden);
  for (const mode of [0o40750, 0o40710, 0o40701, 0o41777]) {
    const parent = { mode, uid: 1000 };
    assertEquals(decidePlacement(facts({ parent })), hidden);
  }
  // Closed, but its owner can open it.
  const parent = { mode: 0o40700, uid: 1001 };
  assertEquals(decidePlacement(facts({ parent })), hidden);
});

Deno.test("decidePlacement() uses the target itself in a closed parent", () => {
  const parent = { mode: 0o40700, uid: 1000 };
  assertEquals(decidePlacement(facts({ parent })), {
    kind: "closed parent",
    home: "/home/me",
    tree: "/home/me/fs",
    link: null,
  });
});

Deno.test("decidePlacement() uses the target itself on a nosuid mount", () => {
  const at = (target: string) => decidePlacement(facts({ target })).kind;
  assertEquals(at("/mnt/a b/fs"), "nosuid mount");
  assertEquals(at("/mnt/a b/c/d/fs"), "nosuid mount");
  assertEquals(at("/mnt/a b/suid/fs"), "hidden");
  assertEquals(at("/mnt/a bc/fs"), "hidden");
  // The later mount hides the nosuid mount.
  assertEquals(at("/twice/fs"), "hidden");
});

Deno.test("decidePlacement() handles the root's children and refuses the root", () => {
  assertEquals(decidePlacement(facts({ target: "/fs" })).tree, "/.fs.d/rootfs");
  assertThrows(() => decidePlacement(facts({ target: "/" })), RootfsError);
});

Deno.test("mountOf() and mountsWithin() compare whole path components", () => {
  assertEquals(mountOf("/mnt/a b", MOUNTS)?.path, "/mnt/a b");
  assertEquals(mountOf("/mnt/a", MOUNTS)?.path, "/");
  const within = (path: string) =>
    mountsWithin(path, MOUNTS).map((mount) => mount.path);
  assertEquals(within("/mnt"), ["/mnt/a b", "/mnt/a b/suid"]);
  assertEquals(within("/mnt/a b/s"), []);
  assertEquals(within("/").length, 5);
});
