// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { makeElf, makeStaticElf } from "./_elf_fixture.ts";
import { assemble } from "./assemble.ts";
import { RootfsError } from "./errors.ts";
import { isMinimal, isOwnTree, sweep, treeProblem } from "./trees.ts";

const APPLETS = ["sh", "ls", "cat", "echo", "ps", "[", "mount"];

function withTree(
  minimal: boolean,
  run: (tree: string, dir: string) => void,
): void {
  const dir = Deno.makeTempDirSync();
  try {
    const into = `${dir}/fs`;
    assemble({ busybox: makeStaticElf(), applets: APPLETS, minimal, into });
    run(into, dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function listing(tree: string, below = ""): string[] {
  return [...Deno.readDirSync(tree + below)].flatMap(
    ({ name, isDirectory }) => {
      const path = `${below}/${name}`;
      const mode = Deno.lstatSync(tree + path).mode! & 0o7777;
      const line = `${path.slice(1)} ${mode.toString(8)}`;
      return isDirectory ? [line, ...listing(tree, path)] : [line];
    },
  ).sort();
}

Deno.test("assemble() makes exactly the seed's tree if it is minimal", () => {
  withTree(true, (tree) => {
    assertEquals(listing(tree), [
      "bin 755",
      "bin/busybox 755",
      "bin/cat 777",
      "bin/echo 777",
      "bin/ls 777",
      "bin/ps 777",
      "bin/sh 777",
      "proc 755",
    ]);
    assertEquals(Deno.readLinkSync(`${tree}/bin/sh`), "busybox");
    assertEquals(isMinimal(tree), true);
  });
});

Deno.test("assemble() makes the full tree with exact modes under any umask", () => {
  const before = Deno.umask(0o077);
  try {
    withTree(false, (tree) => {
      assertEquals(listing(tree), [
        "bin 755",
        "bin/[ 777",
        "bin/busybox 755",
        "bin/cat 777",
        "bin/echo 777",
        "bin/ls 777",
        "bin/mount 777",
        "bin/ps 777",
        "bin/sh 777",
        "dev 755",
        "etc 755",
        "etc/group 644",
        "etc/hostname 644",
        "etc/hosts 644",
        "etc/passwd 644",
        "etc/resolv.conf 644",
        "proc 555",
        "root 700",
        "sys 555",
        "tmp 1777",
      ]);
      assertEquals(Deno.lstatSync(tree).mode! & 0o7777, 0o755);
      assertEquals(isMinimal(tree), false);
    });
  } finally {
    Deno.umask(before);
  }
});

Deno.test("assemble() refuses a busybox without the seed's applets", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const into = `${dir}/fs`;
    const options = { busybox: makeElf(), minimal: true, into };
    assertThrows(
      () => assemble({ ...options, applets: ["sh", "ls", "cat", "echo"] }),
      RootfsError,
      "does not have ps",
    );
    assertEquals([...Deno.readDirSync(dir)], []);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("isOwnTree() distinguishes our trees from others", () => {
  withTree(false, (tree) => {
    assertEquals(isOwnTree(tree), true);
    Deno.writeTextFileSync(`${tree}/tmp/notes`, "");
    assertEquals(isOwnTree(tree), true);
    Deno.writeTextFileSync(`${tree}/bin/bash`, "");
    assertEquals(isOwnTree(tree), false);
    Deno.removeSync(`${tree}/bin/bash`);
    Deno.symlinkSync("/bin/busybox", `${tree}/bin/vi`);
    assertEquals(isOwnTree(tree), false);
  });
  assertEquals(isOwnTree("/usr"), false);
  assertEquals(isOwnTree("/does/not/exist"), false);
});

Deno.test("treeProblem() names what a tree lacks", () => {
  withTree(false, (tree) => {
    assertEquals(treeProblem(tree, Deno.build.arch), null);
    Deno.removeSync(`${tree}/bin/ps`);
    assertEquals(treeProblem(tree, Deno.build.arch), "bin/ps is missing");
    Deno.truncateSync(`${tree}/bin/busybox`, 10);
    assertEquals(
      treeProblem(tree, Deno.build.arch),
      "bin/busybox cannot be used: it is not an ELF executable",
    );
    Deno.removeSync(`${tree}/bin/busybox`);
    assertEquals(treeProblem(tree, Deno.build.arch), "bin/busybox is missing");
  });
});

Deno.test("sweep() removes leftovers of its own base and nothing else", () => {
  withTree(true, (_, dir) => {
    Deno.mkdirSync(`${dir}/.fs.new-0a1b/rootfs/bin`, { recursive: true });
    Deno.mkdirSync(`${dir}/.fs2.new-0a1b`);
    Deno.mkdirSync(`${dir}/.fs.new-not.ours`);
    Deno.writeTextFileSync(`${dir}/.fs.new-ff`, "a file");
    Deno.symlinkSync("fs", `${dir}/.fs.new-ee`);
    assertEquals(sweep(dir, "fs"), { removed: [".fs.new-0a1b"], stuck: [] });
    assertEquals([...Deno.readDirSync(dir)].map((entry) => entry.name).sort(), [
      ".fs.new-ee",
      ".fs.new-ff",
      ".fs.new-not.ours",
      ".fs2.new-0a1b",
      "fs",
    ]);
  });
});
