/**
 * A program that is linked to shared libraries begins with
 * launch/native/entry.c, which starts its interpreter. Tested on both
 * architectures.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../types/std_fs.d.ts"
import { existsSync } from "@std/fs";
import { insertEntry } from "../../scripts/_entry.ts";
import { COMPILERS } from "../../scripts/walker.ts";
import { hasProgram, TempDir, test } from "../_harness.ts";

/** Thread-local, zeroed and relocated memory, libm, and the loader's arguments. */
const SOURCE = `
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
extern char __ehdr_start[];
_Thread_local int local = 7;
static char zeroed[100000];
static const char *const names[] = {"one", "two"};
static void at_end(void) { puts("end"); }
int main(int count, char **words) {
  atexit(at_end);
  for (unsigned i = 0; i < sizeof zeroed; i++) if (zeroed[i]) return 9;
  printf("%s %s %d %s %.2f %d %d\\n", words[count - 1], names[1], local, getenv("WORD"),
         sqrt(count), getauxval(AT_BASE) != 0,
         getauxval(AT_ENTRY) > (unsigned long)__ehdr_start);
  return 3;
}
`;

async function build(
  dir: TempDir,
  arch: keyof typeof COMPILERS,
  interpreter?: string,
): Promise<string> {
  const plain = `${dir.path}/plain`;
  await Deno.writeTextFile(`${plain}.c`, SOURCE);
  const { success, stderr } = await new Deno.Command(COMPILERS[arch], {
    args: [
      ...["-O1", "-fpie", "-pie", "-Wall", "-Werror", `${plain}.c`],
      ...["-o", plain, "-lm"],
      ...interpreter ? [`-Wl,--dynamic-linker=${interpreter}`] : [],
    ],
  }).output();
  assertEquals([success, new TextDecoder().decode(stderr)], [true, ""]);
  const bytes = await Deno.readFile(plain);
  const made = insertEntry(bytes, bytes.length, arch, new Uint8Array(0));
  if (typeof made === "string") throw new Error(made);
  const path = `${dir.path}/program`;
  await Deno.writeFile(path, made, { mode: 0o755 });
  return path;
}

async function output([program = "", ...words]: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: words,
    env: { WORD: "here" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return [code, decode(stdout), decode(stderr)];
}

for (const arch of ["x86_64", "aarch64"] as const) {
  const native = arch === Deno.build.arch;
  const emulator = `qemu-${arch}-static`;
  const words = native ? [] : [emulator, "-L", `/usr/${arch}-linux-gnu`];
  const headers = native ? "/usr/include" : `/usr/${arch}-linux-gnu/include`;
  const skip = !hasProgram(COMPILERS[arch])
    ? `${COMPILERS[arch]} is not installed`
    : !existsSync(`${headers}/stdio.h`)
    ? `${headers}/stdio.h is not installed`
    : !native && !hasProgram(emulator)
    ? `${emulator} is not installed`
    : null;

  test(
    `the native entry loads the program as the kernel would: ${arch}`,
    async () => {
      await using dir = new TempDir();
      const program = await build(dir, arch);
      for (const word of ["state", "run"]) {
        assertEquals(await output([...words, program, word]), [
          3,
          `${word} two 7 here 1.41 1 1\nend\n`,
          "",
        ]);
      }
      // This command line begins an early launch.
      const [code, stdout] = await output([...words, program, "run", "true"]);
      assertEquals([code, String(stdout).startsWith("true two 7")], [3, true]);
    },
    { skip },
  );

  test(
    `the native entry reports a missing interpreter: ${arch}`,
    async () => {
      await using dir = new TempDir();
      const program = await build(dir, arch, "/nowhere/ld.so");
      assertEquals(await output([...words, program]), [
        125,
        "",
        "container: Cannot start: cannot load /nowhere/ld.so. It belongs to the GNU C library, which this program needs.\n",
      ]);
    },
    { skip },
  );
}

test(
  "the native entry finds a program that is called by name",
  async () => {
    await using dir = new TempDir();
    const loader = "/lib64/ld-linux-x86-64.so.2";
    const [code, stdout] = await output([loader, await build(dir, "x86_64")]);
    assertEquals([code, String(stdout).endsWith("\nend\n")], [3, true]);
  },
  {
    skip: Deno.build.arch === "x86_64" && hasProgram(COMPILERS.x86_64)
      ? null
      : "wants a compiler for x86_64",
  },
);
