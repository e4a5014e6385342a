/**
 * The question before a command removes much. As with docker, `--force` answers
 * it, and so does the end of standard input, with no.
 */

import { printBytes } from "./output.ts";

const encoder = new TextEncoder();

/**
 * Asks on standard output; only `y` and `yes` mean yes.
 *
 * @param warning what will be removed
 */
export function confirms(warning: string): boolean {
  printBytes(
    encoder.encode(`${warning}\nAre you sure you want to continue? [y/N] `),
  );
  return /^y(es)?$/i.test(readLine().trim());
}

/** A line of standard input; what there is if it ends. */
function readLine(): string {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (Deno.stdin.readSync(one) === 1 && one[0] !== 0x0a) bytes.push(one[0]!);
  return new TextDecoder().decode(new Uint8Array(bytes));
}
