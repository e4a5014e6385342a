// @ts-types="../types/std_assert.d.ts"
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { makeStaticElf } from "./_elf_fixture.ts";
import { assemble } from "./assemble.ts";
import { ensureEmbeddedRootfs, packRootfs, unpackRootfs } from "./embedded.ts";
import { RootfsError } from "./errors.ts";
import { writeTar } from "./tar.ts";
import { sha256Hex } from "./verify.ts";

interface Bench {
  dir: string;
  cache: string;
  archive: Uint8Array;
  sha256: string;
  said: string[];
  ensure: (archive?: Uint8Array) => Promise<string>;
}

async function withArchive(
  run: (bench: Bench) => void | Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    assemble({
      busybox: makeStaticElf(),
      applets: ["sh", "ls", "cat", "echo", "ps"],
      minimal: false,
      into: `${dir}/fs`,
    });
    await Deno.symlink("fs", `${dir}/link`);
    const archive = packRootfs(`${dir}/link`);
    const sha256 = await sha256Hex(archive);
    const cache = `${dir}/a/cache`;
    const said: string[] = [];
    await run({
      dir,
      cache,
      archive,
      sha256,
      said,
      ensure: (bytes = archive) =>
        ensureEmbeddedRootfs(bytes, sha256, cache, (line) => said.push(line)),
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("unpackRootfs() restores the tree that packRootfs() packed", () =>
  withArchive(({ dir, archive }) => {
    unpackRootfs(archive, `${dir}/copy`);
    assertEquals(packRootfs(`${dir}/copy`), archive);
    assertEquals(Deno.statSync(`${dir}/copy/tmp`).mode! & 0o7777, 0o1777);
    assertEquals(Deno.readLinkSync(`${dir}/copy/bin/sh`), "busybox");
    assertThrows(
      () => unpackRootfs(archive, `${dir}/copy`),
      Deno.errors.AlreadyExists,
    );
  }));

Deno.test("packRootfs() refuses everything but files, directories and symlinks", () =>
  withArchive(({ dir }) => {
    using _listener = Deno.listen({
      transport: "unix",
      path: `${dir}/fs/socket`,
    });
    assertThrows(() => packRootfs(`${dir}/fs`), RootfsError, "Cannot pack");
  }));

Deno.test("ensureEmbeddedRootfs() unpacks once, below a closed directory", () =>
  withArchive(async ({ cache, sha256, said, archive, ensure }) => {
    const tree = await ensure();
    assertEquals(tree, `${cache}/${sha256}/rootfs`);
    assertEquals((await Deno.stat(`${cache}/${sha256}`)).mode! & 0o7777, 0o700);
    assertEquals((await Deno.stat(tree)).mode! & 0o7777, 0o755);
    assertEquals(packRootfs(tree), archive);
    assertEquals(said.length, 1);
    assertEquals(await ensure(new Uint8Array()), tree);
    assertEquals(said.length, 1);
    assertEquals((await Array.fromAsync(Deno.readDir(cache))).length, 1);
  }));

Deno.test("ensureEmbeddedRootfs() replaces a destroyed tree and sweeps leftovers", () =>
  withArchive(async ({ cache, archive, ensure }) => {
    const tree = await ensure();
    await Deno.remove(`${tree}/bin`, { recursive: true });
    await Deno.mkdir(`${cache}/.rootfs.new-abc/new`, { recursive: true });
    assertEquals(packRootfs(await ensure()), archive);
    assertEquals((await Array.fromAsync(Deno.readDir(cache))).length, 1);
  }));

Deno.test("ensureEmbeddedRootfs() leaves nothing behind if the archive is bad", () =>
  withArchive(async ({ cache, archive, ensure }) => {
    await assertRejects(
      () => ensure(archive.subarray(0, 5000)),
      RootfsError,
      "it is truncated",
    );
    await assertRejects(
      () => ensure(writeTar([])),
      RootfsError,
      "has no bin/busybox",
    );
    assertEquals(await Array.fromAsync(Deno.readDir(cache)), []);
  }));

Deno.test("ensureEmbeddedRootfs() refuses a cache that others can write", () =>
  withArchive(async ({ dir, cache, ensure }) => {
    await Deno.mkdir(cache, { recursive: true });
    for (const mode of [0o777, 0o770, 0o702]) {
      await Deno.chmod(cache, mode);
      await assertRejects(
        () => ensure(),
        RootfsError,
        "other users can write to it",
      );
    }
    await Deno.remove(cache);
    await Deno.symlink(`${dir}/fs`, cache);
    await assertRejects(() => ensure(), RootfsError, "not a directory");
  }));

Deno.test({
  name: "ensureEmbeddedRootfs() refuses a cache of another user",
  ignore: Deno.uid() !== 0, // Only root can give a directory away.
  fn: () =>
    withArchive(async ({ cache, ensure }) => {
      await Deno.mkdir(cache, { recursive: true, mode: 0o700 });
      await Deno.chown(cache, 65534, 65534);
      await assertRejects(() => ensure(), RootfsError, "belongs to user 65534");
    }),
});

Deno.test("ensureEmbeddedRootfs() refuses a malformed digest", () =>
  withArchive(async ({ cache, archive }) => {
    await assertRejects(
      () => ensureEmbeddedRootfs(archive, "../x", cache, () => {}),
      RootfsError,
      "is not a SHA-256",
    );
  }));

Deno.test("ensureEmbeddedRootfs() serves processes that start at once", async () => {
  const dir = await Deno.makeTempDir();
  try {
    assemble({
      busybox: makeStaticElf(),
      applets: ["sh", "ls", "cat", "echo", "ps"],
      minimal: false,
      into: `${dir}/fs`,
    });
    const archive = packRootfs(`${dir}/fs`);
    await Deno.writeFile(`${dir}/archive`, archive);
    const sha256 = await sha256Hex(archive);
    const module = new URL("./embedded.ts", import.meta.url).href;
    const code = `import { ensureEmbeddedRootfs } from "${module}";
      const archive = Deno.readFileSync("${dir}/archive");
      console.log(await ensureEmbeddedRootfs(archive, "${sha256}", "${dir}/cache", () => {}));`;
    const runs = await Promise.all(
      Array.from({ length: 4 }, () =>
        new Deno.Command(Deno.execPath(), {
          args: ["eval", "--no-config", code],
          stderr: "piped",
        }).output()),
    );
    for (const { stdout, stderr } of runs) {
      assertEquals(new TextDecoder().decode(stderr), "");
      assertMatch(
        new TextDecoder().decode(stdout),
        /cache\/[0-9a-f]{64}\/rootfs\n$/,
      );
    }
    assertEquals(
      (await Array.fromAsync(Deno.readDir(`${dir}/cache`))).length,
      1,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
