/**
 * `deno task walker`: builds launch/walker.c for both architectures and writes
 * the bytes into launch/walker_code.ts. Needs gcc and aarch64-linux-gnu-gcc;
 * only who changes walker.c needs to run it.
 */

// @ts-types="../types/std_path.d.ts"
import { dirname, fromFileUrl, join } from "@std/path";

const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));

/** The compiler of each architecture. */
export const COMPILERS = {
  x86_64: "x86_64-linux-gnu-gcc",
  aarch64: "aarch64-linux-gnu-gcc",
} as const;

// Small, without a byte that depends on where or when it was built; text
// readable and executable, never writable.
const FLAGS =
  "-Os -std=gnu11 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer -fno-ident -mno-outline-atomics -Wl,-z,noexecstack,-z,norelro,-z,noseparate-code,--build-id=none,-s"
    .split(" ");

/** Compiles the walker; the bytes of its executable. */
export async function buildWalker(
  arch: keyof typeof COMPILERS,
): Promise<Uint8Array> {
  const out = await Deno.makeTempFile();
  try {
    const flags = FLAGS.filter((flag) =>
      arch === "aarch64" || flag !== "-mno-outline-atomics"
    );
    const { success } = await new Deno.Command(COMPILERS[arch], {
      args: [...flags, "-o", out, join(ROOT, "launch/walker.c")],
    }).spawn().status;
    if (!success) throw new Error(`Cannot compile the walker for ${arch}`);
    return await Deno.readFile(out);
  } finally {
    await Deno.remove(out);
  }
}

/** The first line of `gcc --version`: other compilers give other bytes. */
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

/** Bytes as the text of a TypeScript string, 76 characters a line. */
function asSource(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return (text.match(/.{1,72}/g) ?? []).map((line) => `    "${line}"`).join(
    " +\n",
  );
}

if (import.meta.main) {
  let source = `// Generated from walker.c by scripts/walker.ts. Do not edit.

/** The walker's executable for each architecture, in base64, and what compiled it. */
export const WALKER = {
`;
  for (const arch of ["x86_64", "aarch64"] as const) {
    const bytes = await buildWalker(arch);
    source += `  // ${bytes.length} bytes
  ${arch}: {
    compiler: ${JSON.stringify(await compilerVersion(arch))},
    code:
${asSource(bytes)},
  },
`;
  }
  source += "} as const;\n";
  await Deno.writeTextFile(join(ROOT, "launch/walker_code.ts"), source);
  await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", join(ROOT, "launch/walker_code.ts")],
  }).spawn().status;
}
