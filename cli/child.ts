/**
 * `container child`: the program that `run` starts as PID 1. Not for users.
 * Runs in the new namespaces, as PID 1.
 */

import { runChild } from "../launch/child.ts";
import { takeHandover } from "../launch/handover.ts";
import { EXIT } from "../spec/errors.ts";
import type { Command } from "./command.ts";
import { stackTraces } from "./output.ts";

/** The entry point of the child. */
export const childCommand: Command = {
  name: "child",
  summary: "Run as the first process of a container; called by run",
  usage: "",
  flags: [],
  examples: [["container run /bin/sh", "calls it"]],
  hidden: true,
  execute() {
    const handover = takeHandover();
    if (!handover) return EXIT.failure;
    stackTraces.shown = handover.debug;
    return runChild(handover);
  },
};
