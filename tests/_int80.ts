/** Whether this machine allows 32-bit system calls. */

import { without } from "./_harness.ts";

/** Calls getpid(2) through the 32-bit entry of x86_64. */
const SOURCE = `int main(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(20L) : "memory");
  return result <= 0;
}`;

/**
 * Why no 32-bit call can be made, or null. In some virtual machines int 0x80
 * faults.
 */
export const noInt80: string | null = Deno.build.arch !== "x86_64"
  ? "only x86_64 has int 0x80"
  : without("gcc") ?? tryInt80();

function tryInt80(): string | null {
  const dir = Deno.makeTempDirSync({ prefix: "container-test-int80-" });
  try {
    Deno.writeTextFileSync(`${dir}/int80.c`, SOURCE);
    const made = new Deno.Command("gcc", {
      args: ["-static", "-o", `${dir}/int80`, `${dir}/int80.c`],
    }).outputSync();
    if (!made.success) return "gcc cannot compile int 0x80";
    const { success } = new Deno.Command(`${dir}/int80`).outputSync();
    return success ? null : "int 0x80 faults on this machine";
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}
