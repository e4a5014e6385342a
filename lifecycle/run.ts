/**
 * run: a container from its options to its end. Runs on the host, in the
 * process the user started.
 */

import { announce } from "../launch/child.ts";
import { mapIds } from "../launch/id_maps.ts";
import { runParent } from "../launch/parent.ts";
import { compile } from "../plan/compile.ts";
import type { Facts } from "../plan/facts.ts";
import type { Plan } from "../plan/step.ts";
import type { Spec } from "../spec/types.ts";
import { readCaller } from "./caller.ts";
import { type FactOptions, readFacts } from "./facts.ts";
import type { ContainerOptions } from "./options.ts";
import { decide } from "./spec.ts";
import { findUser } from "./users.ts";

/** What `run` takes beside the container. */
export interface RunOptions {
  /** Say `running […] as PID`, in the parent and in the child. */
  announce: boolean;
  /** Show stack traces. */
  debug: boolean;
  /** For lines that are not the command's. */
  say: (line: string) => void;
  /** Told of the container's first process, as the host numbers it. */
  started?: (pid: number) => void;
}

/** All that is decided before anything is done. */
export interface Prepared {
  spec: Spec;
  facts: Facts;
  plan: Plan;
  /** What had to be left out, a sentence each. */
  leftOut: string[];
}

/** Decides everything; changes nothing. */
export function prepare(options: ContainerOptions, rootfs: string): Prepared {
  const user = findUser(rootfs, {
    user: options.user ?? "0",
    groupAdd: options.groups ?? [],
  });
  const { spec, mapHelper, leftOut } = decide(
    options,
    rootfs,
    user,
    readCaller(),
  );
  const factOptions: FactOptions = {
    init: options.init ?? true,
    chroot: options.chroot ?? false,
    mapHelper,
    overlay: options.overlay
      ? { upper: `${options.overlay}/upper`, work: `${options.overlay}/work` }
      : options.ephemeral
      ? { upper: null, work: null }
      : null,
    seccomp: null,
    cgroup: null,
  };
  const facts = readFacts(spec, factOptions);
  return { spec, facts, plan: compile(spec, facts), leftOut };
}

/**
 * Runs a container and waits for it.
 *
 * @returns the command's own status, 128+n when signal n killed it
 */
export async function run(
  { spec, facts, plan, leftOut }: Prepared,
  options: RunOptions,
): Promise<number> {
  const { args, preserve = 0 } = spec.process;
  if (options.announce) {
    announce(args, Deno.pid);
    for (const line of leftOut) options.say(`container: ${line}`);
  }
  return await runParent({
    version: 1,
    plan,
    args,
    announce: options.announce,
    debug: options.debug,
    preserve,
    foreground: facts.foreground,
  }, {
    prepare(pid) {
      for (const step of plan.host) {
        if (step.step === "mapIds") mapIds(pid, step);
      }
    },
    root: spec.root.path,
    started: (pid) => options.started?.(pid),
  });
}
