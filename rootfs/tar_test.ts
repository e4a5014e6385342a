// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { RootfsError } from "./errors.ts";
import { readTar, type TarEntry, writeTar } from "./tar.ts";

const data = new TextEncoder().encode("hello\n");
const long = "d".repeat(90);

const ENTRIES: TarEntry[] = [
  { name: "bin", mode: 0o755, kind: "directory" },
  { name: "bin/busybox", mode: 0o4755, kind: "file", data },
  { name: "bin/[[", mode: 0o777, kind: "symlink", target: "busybox" },
  { name: "empty", mode: 0o600, kind: "file", data: new Uint8Array() },
  {
    name: "block",
    mode: 0o644,
    kind: "file",
    data: new Uint8Array(512).fill(7),
  },
  { name: "tmp", mode: 0o1777, kind: "directory" },
  { name: long, mode: 0o755, kind: "directory" },
  { name: `${long}/${long}é`, mode: 0o644, kind: "file", data },
];

Deno.test("readTar() reads the entries that writeTar() wrote", () => {
  assertEquals(readTar(writeTar(ENTRIES)), ENTRIES);
  assertEquals(readTar(writeTar([])), []);
});

Deno.test("writeTar() writes an archive that tar lists", async () => {
  const path = await Deno.makeTempFile({ suffix: ".tar" });
  try {
    await Deno.writeFile(path, writeTar(ENTRIES));
    const run = await new Deno.Command("tar", {
      args: ["--quoting-style=literal", "-tvf", path],
      env: { LC_ALL: "C" },
    }).output();
    assertEquals(run.success, true);
    const lines = new TextDecoder().decode(run.stdout).trim().split("\n");
    const shown = lines.slice(0, 6).map((line) => {
      const [mode, owner, size, _date, _time, ...name] = line.split(/ +/);
      return [mode, owner, size, ...name].join(" ");
    });
    assertEquals(shown, [
      "drwxr-xr-x 0/0 0 bin/",
      "-rwsr-xr-x 0/0 6 bin/busybox",
      "lrwxrwxrwx 0/0 0 bin/[[ -> busybox",
      "-rw------- 0/0 0 empty",
      "-rw-r--r-- 0/0 512 block",
      "drwxrwxrwt 0/0 0 tmp/",
    ]);
    assertEquals(lines.length, ENTRIES.length);
  } finally {
    await Deno.remove(path);
  }
});

/** Changes a header field of an archive's first entry, and its checksum. */
function forge(entry: TarEntry, at: number, text: string): Uint8Array {
  const archive = writeTar([entry]);
  archive.set(new TextEncoder().encode(text), at);
  archive.fill(0x20, 148, 156);
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.set(
    new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0 "),
    148,
  );
  return archive;
}

Deno.test("readTar() refuses names that lead elsewhere", () => {
  const file: TarEntry = { name: "aaaaaaaa", mode: 0o644, kind: "file", data };
  for (
    const name of ["/etc/pwd", "../../pa", "a/../../b", "a//bcdef", "./abcdef"]
  ) {
    assertThrows(
      () => readTar(forge(file, 0, name.padEnd(8, "\0"))),
      RootfsError,
      "not plain and relative",
    );
    assertThrows(
      () => writeTar([{ ...file, name }]),
      RootfsError,
      "not plain and relative",
    );
  }
});

Deno.test("readTar() refuses a member below a symlink", () => {
  const entries: TarEntry[] = [
    { name: "a", mode: 0o777, kind: "symlink", target: "/etc" },
    { name: "a/passwd", mode: 0o644, kind: "file", data },
  ];
  assertThrows(
    () => writeTar(entries),
    RootfsError,
    "is missing before it",
  );
  const archive = writeTar(entries.slice(0, 1)).subarray(0, 512);
  const below = forge(
    { name: "axpasswd", mode: 0o644, kind: "file", data },
    0,
    "a/passwd",
  );
  const joined = new Uint8Array([...archive, ...below]);
  assertThrows(
    () => readTar(joined),
    RootfsError,
    "is missing before it",
  );
});

Deno.test("readTar() refuses devices, hard links and other types", () => {
  const file: TarEntry = {
    name: "a",
    mode: 0o644,
    kind: "file",
    data: new Uint8Array(),
  };
  for (const type of ["1", "3", "4", "6", "7", "L", "x", "g"]) {
    assertThrows(
      () => readTar(forge(file, 156, type)),
      RootfsError,
      "not a file, directory or symlink",
    );
  }
});

Deno.test("readTar() refuses a damaged archive", () => {
  const archive = writeTar(ENTRIES);
  const changed = archive.slice();
  changed[0] = 0x78;
  assertThrows(() => readTar(changed), RootfsError, "checksum");
  assertThrows(
    () => readTar(archive.subarray(0, 700)),
    RootfsError,
    "it is truncated",
  );
  assertThrows(
    () => readTar(archive.subarray(0, 1700)),
    RootfsError,
    "it is truncated",
  );
  assertThrows(
    () => readTar(new Uint8Array(1024).fill(65)),
    RootfsError,
    "not a ustar",
  );
  assertThrows(
    () => writeTar([ENTRIES[0]!, ENTRIES[0]!]),
    RootfsError,
    "occurs twice",
  );
});

Deno.test("writeTar() refuses names too long for the format", () => {
  const name = "n".repeat(101);
  assertThrows(
    () => writeTar([{ name, mode: 0o644, kind: "file", data }]),
    RootfsError,
    "too long",
  );
  assertThrows(
    () => writeTar([{ name: "a", mode: 0o777, kind: "symlink", target: name }]),
    RootfsError,
    "too long",
  );
});
