/** What the tests of the library stand on: containers of this very process. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  type ExitStatus,
  type LibraryOptions,
  run,
  type RunningContainer,
} from "../mod.ts";
import { rootfs, test as hostTest } from "./_harness.ts";

/** How a container ended and what it wrote. */
export interface Output extends ExitStatus {
  stdout: string;
  stderr: string;
}

/** The names of what this process has open, without what this very look opens. */
export function descriptors(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [`${name} ${Deno.readLinkSync(`/proc/self/fd/${name}`)}`];
    } catch {
      return [];
    }
  });
}

/** Starts a container of the root filesystem under test. */
export function start(
  command: string[],
  options: Partial<LibraryOptions> = {},
): Promise<RunningContainer> {
  return run({ rootfs: rootfs(), command, stdout: "null", ...options });
}

/** Runs a command to its end. */
export async function output(
  command: string[],
  options: Partial<LibraryOptions> = {},
): Promise<Output> {
  await using container = await start(command, {
    stdout: "piped",
    stderr: "piped",
    ...options,
  });
  const [stdout, stderr, status] = await Promise.all([
    new Response(container.stdout).text(),
    new Response(container.stderr).text(),
    container.status,
  ]);
  return { ...status, stdout, stderr };
}

/** Runs a script to its end. */
export const shell = (script: string, options: Partial<LibraryOptions> = {}) =>
  output(["sh", "-c", script], options);

/** A test that leaves the host as it was, and nothing open in this process. */
export function test(
  name: string,
  fn: () => Promise<void>,
  options: { skip?: string | null } = {},
): void {
  hostTest(`library: ${name}`, async () => {
    // What is opened once and kept is open before.
    await (await start(["true"])).status;
    const before = descriptors();
    await fn();
    assertEquals(descriptors(), before, "Descriptors have come or gone");
  }, options);
}
