/** Formats a plan as strace(1) would show its execution. Pure. */

import { transcribe } from "./strace/transcript.ts";
import { describe } from "./steps/describe.ts";
import {
  type Explained,
  explainSteps,
  isPartOf,
  type Part,
} from "./explained.ts";
import { KEEPER, keeperInWords } from "./keeper.ts";
import { headingOf } from "./heading.ts";

/** A strace command. Its output can be compared with this text. */
const STRACE =
  "strace -f -s 4096 -e abbrev='!execve,execveat' -e signal=none container";

const introduction = (command: string) => [
  "# The system calls of the plan. To compare them with real calls, use",
  `#   ${STRACE} ${command} …`,
  "# <name> is a number that is known only at run time. Deno's own calls are omitted.",
  "# or ENOENT: this error is allowed. skip 2: the next two calls are then skipped.",
];

const FAINT = 2;
const PROCESS_COLOUR = 36;

/**
 * Each step as a comment, followed by its calls and the process that makes
 * each.
 */
export function asStrace(
  explained: Explained,
  { colour, part }: { colour: boolean; part?: Part },
): string {
  const { command, plan, keeper } = explained;
  const paint = (code: number, text: string) =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const lines = introduction(command).map((line) => paint(FAINT, line));
  const asked = new Set(
    explainSteps(explained).filter((step) => isPartOf(step, part))
      .map(({ number }) => number),
  );
  const traced = transcribe(plan).filter(({ number }) => asked.has(number));
  let keeps = keeper && !part ? keeperInWords(keeper) : [];
  traced.forEach(({ number, phase, step, calls }, index) => {
    if (phase !== "host" && keeps.length) {
      lines.push(
        "",
        ...[KEEPER, ...keeps].map((line) => paint(FAINT, `# ${line}`)),
      );
      keeps = [];
    }
    if (phase !== traced[index - 1]?.phase) {
      lines.push("", paint(FAINT, `# ${headingOf(plan, phase, number)}`));
    }
    lines.push(paint(FAINT, `# ${number}. ${describe(step, { names: true })}`));
    for (const { process, text } of calls) {
      lines.push(`${paint(PROCESS_COLOUR, `[${process}]`)} ${text}`);
    }
  });
  return lines.join("\n");
}
