/**
 * `container doctor`: what this machine can do for containers, and how to fix
 * the rest.
 */

import {
  checkRoot,
  stateDirectory,
} from "../containers/run/state_directory.ts";
import type { Command } from "./command.ts";
import { type Flag, parseFlags, takeNoWords } from "./flags.ts";
import { globals } from "./oci/global.ts";
import { print } from "./output.ts";
import { coloured, columns } from "./terminal.ts";

const DOCTOR_FLAGS: readonly Flag[] = [
  { name: "json", help: "Print the checks as JSON" },
];

/** The exit status if `run` cannot work. */
const UNFIT = 1;

/** Checks the machine. */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "Check what this machine supports and how to fix problems",
  usage: "[--json]",
  flags: DOCTOR_FLAGS,
  examples: [
    ["container doctor", "as yourself"],
    ["sudo container doctor", "as root, with more privileges"],
    ["container doctor --json", "for programs: {ok, verdict, checks}"],
    [
      "sudo container doctor >/dev/null && echo fit",
      "status 1 if run cannot work",
    ],
  ],
  async execute(argv) {
    const flags = parseFlags(DOCTOR_FLAGS, argv, "container doctor");
    takeNoWords(flags, "doctor");
    // Loaded on demand, so that other commands start faster.
    const { asText, diagnose, readFacts } = await import(
      "../doctor/mod.ts"
    );
    const diagnosis = diagnose(
      readFacts(stateOf),
    );
    print(
      flags.has("json")
        ? JSON.stringify(diagnosis, null, 2)
        : asText(diagnosis, {
          colour: coloured(),
          // Piped output is not wrapped.
          width: columns(),
        }),
    );
    return diagnosis.ok ? 0 : UNFIT;
  },
};

/** The directory that the other commands would use. Creates nothing. */
function stateOf(): string {
  const { root } = globals();
  if (root === undefined) return stateDirectory({ make: false });
  checkRoot(root);
  return root.startsWith("/") ? root : `${Deno.cwd()}/${root}`;
}
