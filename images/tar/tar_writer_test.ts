// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { fromText } from "./byte_string.ts";
import type { Entry } from "./tar_format.ts";
import { TarReader } from "./tar_reader.ts";
import { dataSize, END, headerOf, joined, padding } from "./tar_writer.ts";

const PLAIN: Entry = {
  name: "a",
  kind: "file",
  link: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  modified: { seconds: 1_000_000_000, nanoseconds: 0 },
  device: { major: 0, minor: 0 },
  attributes: null,
  sparse: null,
};

const ENTRIES: Partial<Entry>[] = [
  {},
  { kind: "directory", mode: 0o3755, name: "d/e" },
  { name: "n".repeat(100) },
  { name: `${"p".repeat(150)}/${"n".repeat(100)}` },
  { name: `${"p".repeat(156)}/${"n".repeat(100)}` },
  { name: "n".repeat(101) },
  { name: `d/${"n".repeat(255)}`, kind: "directory" },
  { name: `${"d/".repeat(99)}d`, kind: "directory" },
  { name: fromText("grüße"), size: 5 },
  { name: "\xff\xfe", kind: "symbolicLink", link: "\xe4/b" },
  { kind: "symbolicLink", link: "l".repeat(100) },
  { kind: "hardLink", link: "l".repeat(101) },
  { kind: "character", device: { major: 1, minor: 3 } },
  { kind: "block", device: { major: 4095, minor: 1048575 } },
  { kind: "fifo", mode: 0 },
  { uid: 0o7777777, gid: 0o10000000 },
  { uid: 4_294_967_294, gid: 100_000 },
  { modified: { seconds: 1, nanoseconds: 7 } },
  { modified: { seconds: 1_700_000_000, nanoseconds: 120_000_000 } },
  { modified: { seconds: -1, nanoseconds: 0 } },
  { modified: { seconds: -2, nanoseconds: 750_000_000 } },
  { modified: { seconds: -1, nanoseconds: 1 } },
  { modified: { seconds: 2 ** 34, nanoseconds: 0 } },
  {
    attributes: new Map([
      ["security.capability", Uint8Array.of(0, 1, 10, 255)],
      ["user.empty", new Uint8Array(0)],
      ["user.long", new Uint8Array(9000).fill(61)],
    ]),
  },
  {
    size: 1000,
    sparse: [{ offset: 10, length: 20 }, { offset: 999, length: 1 }],
  },
  { size: 2 ** 40, sparse: [], name: `${"d/".repeat(60)}${"\xe9".repeat(60)}` },
];

/** The entries and the data that a reader finds. */
function read(archive: Uint8Array, piece: number) {
  const entries: Entry[] = [];
  const data: [number, number][] = [];
  const reader = new TarReader({
    entry: (entry) => void entries.push(entry),
    data: (bytes, offset) => void data.push([offset, bytes.length]),
    end: () => {},
  });
  for (let at = 0; at < archive.length; at += piece) {
    reader.push(archive.subarray(at, at + piece));
  }
  reader.finish();
  return { entries, data };
}

Deno.test("headerOf() writes what TarReader reads", () => {
  const entries = ENTRIES.map((part) => ({ ...PLAIN, ...part }));
  const archive = joined(
    ...entries.flatMap((entry) => {
      const size = dataSize(entry);
      return [headerOf(entry), new Uint8Array(size).fill(1), padding(size)];
    }),
    END,
  );
  const wanted = entries.map((entry) => ({
    ...entry,
    name: entry.kind === "directory" ? `${entry.name}/` : entry.name,
  }));
  for (const piece of [1 << 20, 511, 1]) {
    assertEquals(read(archive, piece).entries, wanted);
  }
  assertEquals(read(archive, 1 << 20).data, [[0, 5], [10, 20], [999, 1]]);
});

Deno.test("TarReader expects the most from sizes that it is told", () => {
  const large = headerOf({ ...PLAIN, size: 2 ** 40 });
  assertEquals(large.length, 3 * 512);
  const { entries } = (() => {
    const entries: Entry[] = [];
    const reader = new TarReader({
      entry: (entry) => void entries.push(entry),
      data: () => {},
      end: () => {},
    });
    reader.push(large);
    return { entries };
  })();
  assertEquals(entries[0]?.size, 2 ** 40);
});
