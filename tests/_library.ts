/** The basis of the library's tests: containers of this process itself. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  type ExitStatus,
  type LibraryOptions,
  run,
  type RunningContainer,
} from "../mod.ts";
import {
  copyRootfs,
  execute,
  NOBODY,
  Nobody,
  REPOSITORY,
  rootfs,
  TempDir,
  test as hostTest,
} from "./_harness.ts";

/** How a container ended, and what it wrote. */
export interface Output extends ExitStatus {
  stdout: string;
  stderr: string;
}

/**
 * What the descriptors of this process lead to, without the one that this call
 * opens.
 */
export function descriptors(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      return [`${name} ${Deno.readLinkSync(`/proc/self/fd/${name}`)}`];
    } catch {
      return [];
    }
  });
}

/** Starts a container with the root filesystem to test with. */
export function start(
  command: string[],
  options: Partial<LibraryOptions> = {},
): Promise<RunningContainer> {
  return run({ rootfs: rootfs(), command, stdout: "null", ...options });
}

/** Runs a command until it ends. */
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

/** Runs a script until it ends. */
export const shell = (script: string, options: Partial<LibraryOptions> = {}) =>
  output(["sh", "-c", script], options);

/**
 * A test that leaves the host unchanged, and no descriptor open in this
 * process.
 */
export function test(
  name: string,
  fn: () => Promise<void>,
  options: { skip?: string | null } = {},
): void {
  hostTest(`library: ${name}`, async () => {
    // Descriptors that are opened once and kept must be open before.
    await (await start(["true"])).status;
    const before = descriptors();
    await fn();
    assertEquals(descriptors(), before, "Descriptors have come or gone");
  }, options);
}

/**
 * Runs a program as an ordinary user; returns its output.
 *
 * @param textWith the program, with the path of that user's root filesystem
 * @param plant puts something into that root filesystem first
 */
export async function asOrdinaryUser(
  textWith: (rootfs: string) => string,
  plant: (rootfs: string) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  await using nobody = await Nobody.make({ packages: true });
  await using dir = new TempDir();
  const copy = await copyRootfs(dir.path);
  await plant(copy);
  const file = `${dir.path}/program.ts`;
  await Deno.writeTextFile(file, textWith(copy));
  await execute(["chown", "-R", `${NOBODY}:${NOBODY}`, dir.path]);
  const { status, stdout, stderr } = await execute([
    ...nobody.before,
    Deno.execPath(),
    ...["run", "--allow-all", "--no-check"],
    `--config=${REPOSITORY}/deno.json`,
    file,
  ], { env: nobody.env });
  assertEquals([status, stderr], [0, ""]);
  return stdout;
}
