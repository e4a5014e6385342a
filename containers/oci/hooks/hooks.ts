/**
 * Hooks of the runtime-spec ("POSIX-platform Hooks"): programs that receive the
 * container's state on standard input at certain points of its life. Runs on
 * the host, in the command that creates, starts or deletes the container. The
 * code for hooks in the container's namespaces is loaded only if there are any.
 */

import { environment } from "../../../ffi/environment.ts";
import type { Step } from "../../../plan/step.ts";
import { ContainerError } from "../../../spec/errors.ts";
import type { Hook, Hooks, Spec } from "../../../spec/types.ts";
import type { State } from "../../store/status.ts";

/** Takes a sentence on a problem that is ignored. */
export type Warn = (line: string) => void;

/** The steps that start a hook. Default: in the namespaces of this process. */
type StepsOf = (hook: Hook) => readonly Step[] | Promise<readonly Step[]>;

/**
 * Runs the hooks of one kind in order.
 *
 * @param inner for hooks that do not run in the namespaces of this process: their
 * steps, and the root filesystem in which they are
 * @throws {ContainerError} for the first hook that fails
 */
export async function runHooks(
  name: keyof Hooks,
  { hooks }: Spec,
  state: State,
  inner: { stepsOf?: StepsOf; root?: string } = {},
): Promise<void> {
  for (const [index, hook] of (hooks?.[name] ?? []).entries()) {
    const which = `hook #${index} of ${name} (${hook.path})`;
    await runOne(which, hook, state, inner);
  }
}

/**
 * Runs the poststop hooks. A failure is only a warning, and the next hook
 * follows: runtime-spec, "Lifecycle".
 */
export async function tryPoststop(
  { hooks }: Spec,
  state: State,
  warn: Warn,
): Promise<void> {
  for (const [index, hook] of (hooks?.poststop ?? []).entries()) {
    const which = `hook #${index} of poststop (${hook.path})`;
    try {
      await runOne(which, hook, state, {});
    } catch (error) {
      if (!(error instanceof ContainerError)) throw error;
      warn(error.message);
    }
  }
}

/** The environment of a hook if config.json sets none. */
export const runtimeEnvironment = (): string[] =>
  Object.entries(environment()).map(([name, value]) => `${name}=${value}`);

/** The working directory of hooks in the runtime's namespaces. */
function directoryOf({ bundle }: State): string {
  try {
    if (Deno.statSync(bundle).isDirectory) return bundle;
  } catch {
    // An engine may have removed the bundle before its container.
  }
  return "/";
}

async function runOne(
  which: string,
  hook: Hook,
  state: State,
  { stepsOf, root }: { stepsOf?: StepsOf; root?: string },
): Promise<void> {
  const { hostHook } = await import("../../../plan/hooks.ts");
  const { runHook } = await import("../../../launch/run_hook.ts");
  const steps = stepsOf ? await stepsOf(hook) : hostHook(hook, {
    env: runtimeEnvironment(),
    directory: directoryOf(state),
  });
  // runtime-spec, "State": the pid is optional. It must be left out and not 0,
  // because hooks would take 0 for a process.
  const { pid, ...rest } = state;
  const { status, output, late } = await runHook(steps, {
    input: JSON.stringify(pid ? state : rest),
    timeout: hook.timeout,
    root,
  }).catch((error) => {
    if (!(error instanceof ContainerError)) throw error;
    throw new ContainerError(`${which}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  });
  if (status && "exited" in status && status.exited === 0 && !late) return;
  const said = output ? `: ${output}` : "";
  throw new ContainerError(
    late
      ? `${which} was killed, because it exceeded its timeout of ${hook.timeout} s${said}`
      : status && "signaled" in status
      ? `${which} was killed by signal ${status.signaled}${said}`
      : `${which} exited with status ${
        status && "exited" in status ? status.exited : "unknown"
      }${said}`,
    { hint: "Check the hook, or remove it from config.json." },
  );
}
