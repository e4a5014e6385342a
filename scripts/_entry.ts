/**
 * Inserts launch/native/entry.c into a compiled program, to run before Deno's
 * runtime. It becomes an additional loaded segment, which replaces a note
 * segment, and the entry point of the program. The interpreter's segment is
 * hidden from the kernel, because otherwise the kernel would start the
 * interpreter first. elf(5)
 *
 * @module
 */

import { NATIVE_ENTRY } from "../launch/native/entry_code.ts";
import { placeToAdd, rewrite } from "./_carry.ts";
import { usualRuns } from "./built_in/usual_runs.ts";

/** Offsets in the ELF header. */
const ELF = {
  entry: 24,
  segments: 32,
  segmentSize: 54,
  segmentCount: 56,
} as const;
/** Offsets in a program header. */
const SEGMENT = {
  type: 0,
  flags: 4,
  offset: 8,
  address: 16,
  physical: 24,
  fileSize: 32,
  memorySize: 40,
  alignment: 48,
} as const;
const PT_NULL = 0;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_NOTE = 4;
const PT_PHDR = 6;
const PT_GNU_RELRO = 0x6474e552;
const READ_EXECUTE = 5;
/** Placeholders in the code. They are replaced by offsets of other places. */
const MARK = {
  /** The previous entry point of the program. */
  entry: "TRESTART",
  /** The plans of plain runs. */
  plain: "PLAINRUN",
  /** The previous program headers. */
  segments: "SEGMENTS",
} as const;

interface Segment {
  at: number;
  type: number;
  offset: number;
  address: number;
  memorySize: number;
  alignment: number;
}

const view = (bytes: Uint8Array<ArrayBuffer>) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function segmentsOf(elf: DataView): Segment[] {
  const number = (at: number) => Number(elf.getBigUint64(at, true));
  const size = elf.getUint16(ELF.segmentSize, true);
  return Array.from(
    { length: elf.getUint16(ELF.segmentCount, true) },
    (_, index) => {
      const at = number(ELF.segments) + index * size;
      return {
        at,
        type: elf.getUint32(at + SEGMENT.type, true),
        offset: number(at + SEGMENT.offset),
        address: number(at + SEGMENT.address),
        memorySize: number(at + SEGMENT.memorySize),
        alignment: number(at + SEGMENT.alignment),
      };
    },
  );
}

const isLoaded = ({ type }: Segment) => type === PT_LOAD;

const alignUp = (value: number, to: number) => Math.ceil(value / to) * to;

/**
 * The bytes of the program with the native entry, or a sentence that says why
 * that is impossible. Pure.
 *
 * @param launch the result of scripts/built_in/usual_runs.ts
 */
export function withEntry(
  program: Uint8Array<ArrayBuffer>,
  arch: keyof typeof NATIVE_ENTRY,
  launch: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | string {
  const end = placeToAdd(program);
  return end === null
    ? "the runtime does not end as expected"
    : insertEntry(program, end, arch, launch);
}

/**
 * {@linkcode withEntry} with the offset at which to insert: the end of the part
 * that the kernel loads.
 */
export function insertEntry(
  program: Uint8Array<ArrayBuffer>,
  end: number,
  arch: keyof typeof NATIVE_ENTRY,
  launch: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | string {
  const segments = segmentsOf(view(program));
  const loaded = segments.filter(isLoaded);
  // It must come after the loaded segments, which have to be in order.
  const place = segments.findLast(({ type }) => type === PT_NOTE);
  if (!place || loaded.some(({ at }) => at > place.at)) {
    return "the runtime has no segment to spare";
  }
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const table = segments.find(({ type }) => type === PT_PHDR);
  const relocated = segments.some(({ type }) => type === PT_GNU_RELRO);
  if (!interpreter || !table || !relocated) {
    return "the runtime is not linked as expected";
  }
  const alignment = Math.max(...loaded.map(({ alignment }) => alignment));
  const address = alignUp(
    Math.max(...loaded.map(({ address, memorySize }) => address + memorySize)),
    alignment,
  );
  const offset = alignUp(end, alignment);
  const compiled = Uint8Array.fromBase64(NATIVE_ENTRY[arch].code);
  if (segmentsOf(view(compiled)).filter(isLoaded).length !== 1) {
    throw new RangeError(
      "launch/native/entry.c must compile to a single segment",
    );
  }
  const launchAt = alignUp(compiled.length, 16);
  const tableAt = alignUp(launchAt + launch.length, 16);
  const size = view(program).getUint16(ELF.segmentSize, true);
  const code = new Uint8Array(tableAt + segments.length * size);
  code.set(compiled);
  code.set(launch, launchAt);
  const entry = Number(view(code).getBigUint64(ELF.entry, true));
  const begin = address + entry;

  const made = new Uint8Array(offset + code.length + program.length - end);
  made.set(program.subarray(0, end));
  made.set(code, offset);
  made.set(program.subarray(end), offset + code.length);
  const header = view(made);
  const old = Number(header.getBigUint64(ELF.entry, true));
  const setWay = (mark: keyof typeof MARK, way: number) =>
    header.setBigInt64(offset + placeOf(mark, compiled), BigInt(way), true);
  setWay("entry", old - begin);
  setWay("plain", launch.length ? launchAt - entry : 0);
  setWay("segments", tableAt - entry);
  header.setBigUint64(ELF.entry, BigInt(begin), true);
  header.setUint32(place.at + SEGMENT.type, PT_LOAD, true);
  header.setUint32(place.at + SEGMENT.flags, READ_EXECUTE, true);
  const set = (field: number, value: number) =>
    header.setBigUint64(place.at + field, BigInt(value), true);
  set(SEGMENT.offset, offset);
  set(SEGMENT.address, address);
  set(SEGMENT.physical, address);
  set(SEGMENT.fileSize, code.length);
  set(SEGMENT.memorySize, code.length);
  set(SEGMENT.alignment, alignment);
  // The copied program headers still contain the interpreter, for the loader.
  const first = Number(header.getBigUint64(ELF.segments, true));
  made.copyWithin(offset + tableAt, first, first + segments.length * size);
  for (const field of [SEGMENT.offset, SEGMENT.address, SEGMENT.physical]) {
    header.setBigUint64(
      offset + tableAt + (table.at - first) + field,
      BigInt(tableAt + (field === SEGMENT.offset ? offset : address)),
      true,
    );
  }
  header.setUint32(interpreter.at + SEGMENT.type, PT_NULL, true);
  return made;
}

/** The offset of a placeholder in the code. */
function placeOf(name: keyof typeof MARK, code: Uint8Array): number {
  const mark = new TextEncoder().encode(MARK[name]);
  const at = code.findIndex((_, index) =>
    mark.every((byte, i) => code[index + i] === byte)
  );
  if (at < 0) {
    throw new RangeError(`launch/native/entry.c has no ${MARK[name]}`);
  }
  return at;
}

/**
 * Inserts the native entry into a compiled program. Returns a sentence that
 * says why that is impossible, or null.
 *
 * @param carried the digest of the root filesystem that the program carries
 */
export async function addEntry(
  program: string,
  carried: string | null = null,
): Promise<string | null> {
  const launch = await usualRuns(carried);
  return await rewrite(
    program,
    (bytes) => withEntry(bytes, Deno.build.arch, launch),
  );
}
