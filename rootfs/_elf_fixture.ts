/**
 * Makes small ELF files for tests: a header, program headers and the data they
 * refer to.
 *
 * @module
 */

/** The properties of the file. */
export interface ElfFixture {
  machine?: number;
  is64?: boolean;
  littleEndian?: boolean;
  interpreter?: string;
  /** The tags of a PT_DYNAMIC segment; 1 is DT_NEEDED. */
  dynamicTags?: number[];
}

/** Makes the header, program headers, interpreter and dynamic section. */
export function makeElf(fixture: ElfFixture = {}): Uint8Array {
  const { machine = 62, is64 = true, littleEndian = true } = fixture;
  const bytes = new Uint8Array(1024);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value: number) =>
    view.setUint16(at, value, littleEndian);
  const u32 = (at: number, value: number) =>
    view.setUint32(at, value, littleEndian);
  const word = (at: number, value: number) =>
    is64 ? view.setBigUint64(at, BigInt(value), littleEndian) : u32(at, value);
  const segments: { type: number; at: number; size: number }[] = [
    { type: 1, at: 0, size: 1024 },
  ];
  if (fixture.interpreter !== undefined) {
    const text = new TextEncoder().encode(fixture.interpreter + "\0");
    bytes.set(text, 512);
    segments.push({ type: 3, at: 512, size: text.length });
  }
  if (fixture.dynamicTags !== undefined) {
    const width = is64 ? 16 : 8;
    fixture.dynamicTags.forEach((tag, i) => word(640 + i * width, tag));
    const size = fixture.dynamicTags.length * width;
    segments.push({ type: 2, at: 640, size });
  }
  bytes.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, littleEndian ? 1 : 2, 1]);
  u16(16, 2);
  u16(18, machine);
  const header = is64 ? 64 : 52;
  const entry = is64 ? 56 : 32;
  word(is64 ? 32 : 28, header);
  u16(is64 ? 54 : 42, entry);
  u16(is64 ? 56 : 44, segments.length);
  segments.forEach((segment, i) => {
    const at = header + i * entry;
    u32(at, segment.type);
    word(at + (is64 ? 8 : 4), segment.at);
    word(at + (is64 ? 32 : 16), segment.size);
  });
  return bytes;
}

/** A file that is accepted as a static program for this machine. */
export function makeStaticElf(): Uint8Array {
  return makeElf({ machine: Deno.build.arch === "aarch64" ? 183 : 62 });
}
