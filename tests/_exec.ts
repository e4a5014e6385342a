/** Shared by the tests of exec. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { wait, WNOHANG } from "../ffi/wait.ts";
import { Bundle } from "./_bundle.ts";
import type { Config } from "./_config.ts";
import { type Options, quote, type Result, shellLine } from "./_harness.ts";
import { readProcess } from "./_host.ts";

export const SLEEP = ["sleep", "1000"];

/** Starts a bundle's container; returns its process on the host. */
export async function running(
  change: (config: Config) => void = () => {},
  args = SLEEP,
): Promise<{ bundle: Bundle; pid: number } & AsyncDisposable> {
  const bundle = await Bundle.make(args, change);
  await bundle.create("one");
  await bundle.does("start", "one");
  const { pid } = JSON.parse(await bundle.does("state", "one"));
  return {
    bundle,
    pid,
    [Symbol.asyncDispose]: () => bundle[Symbol.asyncDispose](),
  };
}

/** The words of a command of the runtime. */
export const words = (bundle: Bundle, ...args: string[]) =>
  bundle.words(...args);

export const exec = (
  bundle: Bundle,
  args: string[],
  options?: Options,
): Promise<Result> => bundle.execute(words(bundle, "exec", ...args), options);

/** What a script prints inside. It must succeed. */
export async function prints(
  bundle: Bundle,
  script: string,
  ...flags: string[]
): Promise<string> {
  const { status, stdout, stderr } = await exec(bundle, [
    ...flags,
    "one",
    "sh",
    "-c",
    script,
  ]);
  assertEquals([status, stderr], [0, ""], script);
  return stdout.trim();
}

/** Starts a detached process, whose streams are no pipes. */
export async function detached(
  bundle: Bundle,
  flags: readonly string[],
  command: readonly string[],
): Promise<{ status: number; stderr: string }> {
  const errors = `${bundle.dir.path}/errors`;
  const { status } = await bundle.execute([
    "sh",
    "-c",
    `exec ${
      shellLine(words(bundle, "exec", "-d", ...flags, "one", ...command))
    } </dev/null >/dev/null 2>${quote(errors)}`,
  ]);
  return { status, stderr: await Deno.readTextFile(errors) };
}

/**
 * Reaps a detached process, as the engine does that it is left to. Until then
 * the kernel does not end its PID namespace.
 */
export function bury(pid: number): Disposable {
  const timer = setInterval(() => wait(pid, WNOHANG), 20);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      // It may have ended since. Its cgroup can be removed only after it is
      // reaped.
      wait(pid, WNOHANG);
    },
  };
}

export const isGone = (pid: number) => {
  const process = readProcess(pid);
  return !process || process.state === "Z";
};
