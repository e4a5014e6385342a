/** Real files: packages of this Debian system, each as a layer. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { run } from "./_programs.ts";
import { overlayTree, treeOf } from "./_tree.ts";
import { inDirectory, unpackChain } from "./_unpack.ts";

/** With setuid and setgid files, hard links, and links to directories. */
const PACKAGES = [
  "libc6",
  "mount",
  "passwd",
  "perl-base",
  "sudo",
  "util-linux",
];

const isThere = async (path: string) => {
  try {
    return !!await Deno.lstat(path);
  } catch {
    return false;
  }
};

/** Writes the installed files of a package to an archive. */
async function pack(name: string, archive: string): Promise<void> {
  const list = new TextDecoder().decode(await run("dpkg-query", ["-L", name]));
  const paths = list.split("\n").filter((path) => path.startsWith("/"))
    .map((path) => path === "/." ? "." : path.slice(1));
  const found: string[] = [];
  for (const path of paths) if (await isThere(`/${path}`)) found.push(path);
  const names = `${archive}.names`;
  await Deno.writeTextFile(names, found.join("\n"));
  await run("tar", [
    ...["--create", "--file", archive, "--directory", "/", "--no-recursion"],
    ...["--format", "posix", "--xattrs", "--xattrs-include=*"],
    ...["--files-from", names],
  ]);
}

Deno.test("an overlay of Debian packages is what umoci unpacks", () =>
  inDirectory(async (temporary) => {
    const archives = PACKAGES.map((name) => join(temporary, `${name}.tar`));
    const image = join(temporary, "image");
    await run("umoci", ["init", "--layout", image]);
    await run("umoci", ["new", "--image", `${image}:it`]);
    for (const [index, name] of PACKAGES.entries()) {
      const archive = archives[index]!;
      await pack(name, archive);
      await run("umoci", [
        ...["raw", "add-layer", "--image", `${image}:it`, archive],
      ]);
    }
    const bundle = join(temporary, "bundle");
    await run("umoci", ["unpack", "--image", `${image}:it`, bundle]);
    const theirs = await treeOf(join(bundle, "rootfs"), true);

    const contents: Uint8Array[] = [];
    for (const archive of archives) contents.push(await Deno.readFile(archive));
    const layers = await unpackChain(contents, temporary);
    const ours = await overlayTree(layers, null, true);
    // umoci does not put the time of a directory back if it wrote there through
    // a link, such as /lib64.
    const untouched = (line: string) => !/^d \d+ usr\/lib\w* @/.test(line);
    assertEquals(ours.lines.filter(untouched), theirs.lines.filter(untouched));
    assertEquals(ours.root, theirs.root);
    const setuid = ours.lines.filter((line) => /^f [4-7]\d{3} /.test(line));
    assertEquals(setuid.length > 5, true, setuid.join("\n"));
  }));
