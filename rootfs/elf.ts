/**
 * Reads the parts of an ELF file that decide whether it can run here: its
 * architecture and its loader. A pure function of the bytes. The launcher uses
 * it for error messages as well.
 *
 * @module
 */

/** Information from the ELF header and the program headers. */
export interface ElfInfo {
  /** `e_machine`, as in elf.h: 62 is x86_64, 183 is aarch64. */
  readonly machine: number;
  readonly is64: boolean;
  readonly littleEndian: boolean;
  /** The loader named by PT_INTERP; `null` if there is none. */
  readonly interpreter: string | null;
  /** Whether it needs a loader or shared libraries. A static-pie does not. */
  readonly dynamic: boolean;
}

const ET_EXEC = 2;
const ET_DYN = 3;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;

const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: "i386",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv64",
  258: "loongarch64",
};

/** The name of an `e_machine`, in the spelling of `Deno.build.arch`. */
export function machineName(machine: number): string {
  return MACHINE_NAMES[machine] ?? `ELF machine ${machine}`;
}

/**
 * Inspects an executable. The first few kilobytes of a file suffice, except for
 * DT_NEEDED, which matters only for files without PT_INTERP. Returns `null` if
 * the bytes are no ELF executable or too short.
 */
export function inspectElf(bytes: Uint8Array): ElfInfo | null {
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  if (bytes.length < 52 || magic.some((byte, i) => bytes[i] !== byte)) {
    return null;
  }
  const [elfClass, data] = [bytes[4], bytes[5]];
  if ((elfClass !== 1 && elfClass !== 2) || (data !== 1 && data !== 2)) {
    return null;
  }
  const is64 = elfClass === 2;
  const littleEndian = data === 1;
  if (is64 && bytes.length < 64) return null;

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (at: number) => view.getUint16(at, littleEndian);
  const u32 = (at: number) => view.getUint32(at, littleEndian);
  // A word has 4 or 8 bytes. Offsets above 2^53 fail the bounds checks below.
  const word = (at: number) =>
    is64 ? view.getBigUint64(at, littleEndian) : BigInt(u32(at));
  const offset = (at: number) => Number(word(at));

  const type = u16(16);
  if (type !== ET_EXEC && type !== ET_DYN) return null;
  const machine = u16(18);
  const phoff = offset(is64 ? 32 : 28);
  const phentsize = u16(is64 ? 54 : 42);
  const phnum = u16(is64 ? 56 : 44);
  if (phnum > 0 && phentsize < (is64 ? 56 : 32)) return null;

  let interpreter: string | null = null;
  let dynamic = false;
  for (let i = 0; i < phnum; i++) {
    const at = phoff + i * phentsize;
    if (at + phentsize > bytes.length) return null;
    const kind = u32(at);
    const start = offset(at + (is64 ? 8 : 4));
    const size = offset(at + (is64 ? 32 : 16));
    if (kind === PT_INTERP) {
      dynamic = true;
      interpreter = cString(bytes, start, size);
    } else if (kind === PT_DYNAMIC && !dynamic) {
      dynamic = hasNeeded(start, size);
    }
  }
  return { machine, is64, littleEndian, interpreter, dynamic };

  function hasNeeded(start: number, size: number): boolean {
    const width = is64 ? 16 : 8;
    const end = Math.min(start + size, bytes.length);
    for (let at = start; at + width <= end; at += width) {
      const tag = word(at);
      if (tag === DT_NULL) return false;
      if (tag === DT_NEEDED) return true;
    }
    return false;
  }
}

/** The text of the interpreter; `""` if it lies outside the given bytes. */
function cString(bytes: Uint8Array, start: number, size: number): string {
  if (start + size > bytes.length) return "";
  const field = bytes.subarray(start, start + size);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
