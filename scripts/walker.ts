/**
 * `deno task walker`: writes launch/native/constants.h, builds the C programs of
 * launch/native/ and network/dns/native/ for both architectures, and writes their
 * bytes to TypeScript files next to them. Needs
 * gcc and aarch64-linux-gnu-gcc. Run it after every change of one of these
 * programs.
 */

// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";
import { writeConstants } from "./native_constants.ts";

const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));

/** The compiler for each architecture. */
export const COMPILERS = {
  x86_64: "x86_64-linux-gnu-gcc",
  aarch64: "aarch64-linux-gnu-gcc",
} as const;

// Small, and reproducible: no byte depends on the place or time of the build.
// The text is readable and executable, never writable.
const FLAGS =
  "-Os -std=gnu11 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer -fno-ident -mno-outline-atomics -Wl,-z,noexecstack,-z,norelro,-z,noseparate-code,--build-id=none,-s"
    .split(" ");

/**
 * The programs, by default in launch/native/, and the options that only one of
 * them needs.
 */
export const PROGRAMS = {
  walker: {
    what: "The walker's executable",
    constant: "WALKER",
    flags: ["-fno-pic", "-no-pie"],
  },
  keeper: {
    what: "The keeper's executable",
    constant: "KEEPER",
    flags: ["-fno-pic", "-no-pie"],
  },
  port_relay: {
    what: "The executable of the relay of published ports",
    constant: "PORT_RELAY",
    flags: ["-fno-pic", "-no-pie"],
  },
  files: {
    what: "The executable of the helper for a sandbox's files",
    constant: "FILES",
    flags: ["-fno-pic", "-no-pie"],
  },
  resolver: {
    what: "The resolver's executable",
    constant: "RESOLVER",
    flags: ["-fno-pic", "-no-pie"],
    directory: "network/dns/native",
  },
  entry: {
    what: "What goes before Deno's runtime in the compiled program",
    constant: "NATIVE_ENTRY",
    // It has no fixed address, because it becomes a segment of another program.
    flags: ["-fpie", "-no-pie", "-fno-jump-tables", "-Wl,-Ttext-segment=0"],
  },
  signal_queue: {
    what: "The handler of the signals that the parent reads",
    constant: "SIGNAL_QUEUE",
    // No loader reads it: only its bytes in memory are kept.
    flags: ["-fpie", "-no-pie", "-fno-jump-tables", "-Wl,-Ttext=0,-e,0"],
  },
} as const;

/** The name of a C program. */
export type ProgramName = keyof typeof PROGRAMS;

/** The path of a program's file, without `.c` or `_code.ts`. */
function pathOf(name: ProgramName): string {
  const program = PROGRAMS[name];
  const directory = "directory" in program
    ? program.directory
    : "launch/native";
  return join(ROOT, directory, name);
}

/** Compiles a program and returns the bytes of the executable. */
export async function buildProgram(
  name: ProgramName,
  arch: keyof typeof COMPILERS,
): Promise<Uint8Array<ArrayBuffer>> {
  const out = await Deno.makeTempFile();
  try {
    const flags = FLAGS.filter((flag) =>
      arch === "aarch64" || flag !== "-mno-outline-atomics"
    );
    const { success } = await new Deno.Command(COMPILERS[arch], {
      args: [
        ...flags,
        ...PROGRAMS[name].flags,
        "-o",
        out,
        `${pathOf(name)}.c`,
      ],
    }).spawn().status;
    if (!success) throw new Error(`Cannot compile ${name}.c for ${arch}`);
    const file = await Deno.readFile(out);
    return name === "signal_queue" ? loadedBytes(file) : file;
  } finally {
    await Deno.remove(out);
  }
}

/** What an ELF executable's first segment has in memory, elf(5). */
function loadedBytes(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(file.buffer);
  const segment = Number(view.getBigUint64(32, true));
  const offset = Number(view.getBigUint64(segment + 8, true));
  const size = Number(view.getBigUint64(segment + 32, true));
  return file.slice(offset, offset + size);
}

/** The first line of `gcc --version`. Another compiler produces other bytes. */
export async function compilerVersion(
  arch: keyof typeof COMPILERS,
): Promise<string | null> {
  try {
    const { stdout } = await new Deno.Command(COMPILERS[arch], {
      args: ["--version"],
    }).output();
    return new TextDecoder().decode(stdout).split("\n")[0] ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Bytes as the lines of a TypeScript string. */
function asSource(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return (text.match(/.{1,72}/g) ?? []).map((line) => `    "${line}"`).join(
    " +\n",
  );
}

async function writeProgram(name: ProgramName): Promise<void> {
  const { what, constant } = PROGRAMS[name];
  const out = `${pathOf(name)}_code.ts`;
  let source = `// Generated from ${name}.c by scripts/walker.ts. Do not edit.

/** ${what} for each architecture, in base64, and what compiled it. */
export const ${constant} = {
`;
  for (const arch of ["x86_64", "aarch64"] as const) {
    const bytes = await buildProgram(name, arch);
    source += `  // ${bytes.length} bytes
  ${arch}: {
    compiler: ${JSON.stringify(await compilerVersion(arch))},
    code:
${asSource(bytes)},
  },
`;
  }
  source += "} as const;\n";
  await Deno.writeTextFile(out, source);
  await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", out],
  }).spawn().status;
}

if (import.meta.main) {
  await writeConstants();
  for (const name of Object.keys(PROGRAMS) as ProgramName[]) {
    await writeProgram(name);
  }
}
