/**
 * run: a container from its Spec to its end. Runs on the host, in the process
 * the user started.
 */

import { announce } from "../launch/child.ts";
import { runParent } from "../launch/parent.ts";
import { compile } from "../plan/compile.ts";
import type { Plan } from "../plan/step.ts";
import type { Spec } from "../spec/types.ts";
import { readFacts } from "./facts.ts";

/** What `run` takes beside the Spec. */
export interface RunOptions {
  /** chroot instead of pivot_root. */
  chroot: boolean;
  /** Say `running […] as PID`, in the parent and in the child. */
  announce: boolean;
  /** Show stack traces. */
  debug: boolean;
}

/** The plan that {@linkcode run} would carry out; changes nothing. */
export function planRun(spec: Spec, options: Pick<RunOptions, "chroot">): Plan {
  return compile(spec, readFacts(spec, options));
}

/**
 * Runs a container and waits for it.
 *
 * @returns the command's own status, 128+n when signal n killed it
 */
export async function run(spec: Spec, options: RunOptions): Promise<number> {
  const facts = readFacts(spec, options);
  const plan = compile(spec, facts);
  const { args } = spec.process;
  if (options.announce) announce(args, Deno.pid);
  return await runParent({
    version: 1,
    plan,
    args,
    announce: options.announce,
    debug: options.debug,
    foreground: facts.foreground,
  });
}
