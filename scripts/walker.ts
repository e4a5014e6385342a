/**
 * `deno task walker`: builds launch/walker.c and launch/keeper.c for both
 * architectures and writes the bytes into launch/walker_code.ts and
 * launch/keeper_code.ts. Needs gcc and aarch64-linux-gnu-gcc; only who changes
 * the sources needs to run it.
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

/** The programs without a libc, and what is said of each. */
export const NATIVE = {
  walker: "The walker's",
  keeper: "The keeper's",
} as const;

/** Compiles the walker, or another of them; the bytes of its executable. */
export async function buildWalker(
  arch: keyof typeof COMPILERS,
  name: keyof typeof NATIVE = "walker",
): Promise<Uint8Array> {
  const out = await Deno.makeTempFile();
  try {
    const flags = FLAGS.filter((flag) =>
      arch === "aarch64" || flag !== "-mno-outline-atomics"
    );
    const { success } = await new Deno.Command(COMPILERS[arch], {
      args: [...flags, "-o", out, join(ROOT, `launch/${name}.c`)],
    }).spawn().status;
    if (!success) throw new Error(`Cannot compile the ${name} for ${arch}`);
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

async function write(name: keyof typeof NATIVE): Promise<void> {
  let source = `// Generated from ${name}.c by scripts/walker.ts. Do not edit.

/** ${
    NATIVE[name]
  } executable for each architecture, in base64, and what compiled it. */
export const ${name.toUpperCase()} = {
`;
  for (const arch of ["x86_64", "aarch64"] as const) {
    const bytes = await buildWalker(arch, name);
    source += `  // ${bytes.length} bytes
  ${arch}: {
    compiler: ${JSON.stringify(await compilerVersion(arch))},
    code:
${asSource(bytes)},
  },
`;
  }
  source += "} as const;\n";
  const path = join(ROOT, `launch/${name}_code.ts`);
  await Deno.writeTextFile(path, source);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] })
    .spawn().status;
}

if (import.meta.main) {
  for (const name of Object.keys(NATIVE) as (keyof typeof NATIVE)[]) {
    await write(name);
  }
}
