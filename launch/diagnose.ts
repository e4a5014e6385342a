/**
 * Finds out why a command could not be executed. execve(2) returns ENOENT for a
 * missing file and for a missing loader, and EACCES for a directory and for a
 * missing permission; the files themselves tell the difference. Runs after the
 * failure, in the child, whose root is the container's, or in the parent, which
 * looks into the root filesystem from outside.
 */

import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { errnoText } from "../ffi/errno.ts";
import { openInRoot } from "../ffi/openat2.ts";
import { toText } from "../ffi/text.ts";
import type { StepOf } from "../plan/step.ts";
import { inspectElf, machineName } from "../rootfs/elf.ts";
import { CommandError, EXIT } from "../spec/errors.ts";
import { HEAD_SIZE } from "./handover_layout.ts";
import { StepError } from "./step_error.ts";
import type { Walk } from "./walker.ts";

const EXECUTE_BITS = 0o111;

const notExecutable = (message: string, hint: string) =>
  new CommandError(message, { hint, status: EXIT.notExecutable });

const notFound = (message: string, hint: string) =>
  new CommandError(message, { hint, status: EXIT.notFound });

/** A file of the container. */
export interface Seen {
  isFile: boolean;
  isDirectory: boolean;
  mode: number | null;
  /** The first bytes of its content; none if it cannot be read. */
  head(): Uint8Array;
}

/** The place from which the container's files are looked at. */
export interface View {
  /** Where its paths are: for messages. */
  readonly where: "in the root filesystem" | "on the host";
  /** What is at a path of the container; null if nothing can be seen there. */
  look(path: string): Seen | null;
}

/** A view of files that this process finds under another path. */
export const viewBy = (
  locate: (path: string) => string | null,
  where: View["where"] = "in the root filesystem",
): View => ({
  where,
  look(path) {
    try {
      const place = locate(path);
      if (place === null) return null;
      const { isFile, isDirectory, mode } = Deno.statSync(place);
      return { isFile, isDirectory, mode, head: () => readHead(place) };
    } catch {
      return null;
    }
  },
});

/** From inside the container: paths stay as they are. */
export const INSIDE: View = viewBy((path) => path);

/** Of the host, for a program that runs there. */
export const ON_HOST: View = viewBy((path) => path, "on the host");

/**
 * From outside: paths are looked up below a directory of the host, and cannot
 * leave it.
 */
export const outside = (root: Descriptor, held: DisposableStack): View =>
  viewBy((path) => {
    const file = openInRoot(root, path, O.O_PATH);
    return file && `/proc/self/fd/${held.use(file).fd}`;
  });

/**
 * The same below a path. It is opened only on demand: its file system may not
 * answer by then.
 */
export const below = (root: string, held: DisposableStack): View => ({
  where: "in the root filesystem",
  look: (path) => {
    try {
      return outside(held.use(open(root, O.O_PATH)), held).look(path);
    } catch {
      return null;
    }
  },
});

/**
 * Checks that the walk did not fail.
 *
 * @throws CommandError if the command could not be executed, otherwise the
 * {@linkcode StepError}
 */
export function checkStarted(walk: Walk, view: View): void {
  try {
    walk.check();
  } catch (error) {
    throw error instanceof StepError ? diagnosed(error, view) : error;
  }
}

/** The error to show for a failed step: of a missing command, the reason. */
export function diagnosed(
  error: StepError,
  view: View,
): CommandError | StepError {
  const { step } = error;
  return step.step === "execute" || step.step === "checkCommand"
    ? diagnose(step, error, view)
    : error;
}

/**
 * The error to show when the command could not be executed, or cannot be
 * executed later.
 */
export function diagnose(
  step: StepOf<"execute" | "checkCommand">,
  failure: StepError,
  view: View,
): CommandError | StepError {
  const command = step.argv[0] ?? "";
  const found = step.candidates.filter((path) => view.look(path) !== null);
  const complaint = found.map((path) => inspect(view, path)).find((error) =>
    error !== null
  );
  if (complaint) return complaint;
  const known = found.length && REFUSALS[failure.code];
  if (known) {
    return notExecutable(`Cannot run ${found[0]}: ${known[0]}`, known[1]);
  }
  if (found.length && failure.code !== "ENOENT") return failure;
  if (found.length) {
    return notExecutable(
      `Cannot run ${found[0]}: permission denied (EACCES)`,
      "Check the permissions of its parent directories, the mount option noexec, and the --landlock rules.",
    );
  }
  return command.includes("/")
    ? notFound(
      `Cannot run ${command}: no such file ${view.where}`,
      view.where === "on the host"
        ? "Correct the path."
        : "It is a path inside the container.",
    )
    : notFound(
      `Cannot run ${command}: not found in ${
        searched(step.candidates)
      } of the root filesystem`,
      "Add the program, give its full path, or set PATH with --env.",
    );
}

/** The execve(2) errors of files that exist and look correct. */
const REFUSALS: Partial<Record<string, [message: string, hint: string]>> = {
  ENOEXEC: [
    "exec format error (ENOEXEC), the file is a damaged ELF program",
    "Build or copy it again.",
  ],
  ELIBBAD: [
    "its loader is damaged (ELIBBAD)",
    "Add the matching loader.",
  ],
  ETXTBSY: [
    "text file busy (ETXTBSY), a process has it open for writing",
    "Close the file in that process first.",
  ],
};

const searched = (candidates: readonly string[]) =>
  candidates.map((path) => path.replace(/\/[^/]*$/, "")).join(":");

/** Why a file cannot be executed. */
interface Complaint {
  reason: string;
  hint: string;
  status: number;
  /** The interpreters are scripts themselves, too many of them. */
  loops?: true;
}

function inspect(view: View, path: string): CommandError | null {
  const complaint = complaintOf(view, path, 0);
  if (!complaint) return null;
  const { reason, hint, status } = complaint;
  return new CommandError(`Cannot run ${path}: ${reason}`, { hint, status });
}

const refused = (reason: string, hint: string): Complaint => ({
  reason,
  hint,
  status: EXIT.notExecutable,
});

const missing = (reason: string, hint: string): Complaint => ({
  reason,
  hint,
  status: EXIT.notFound,
});

/** @param depth how many scripts lead to this file */
function complaintOf(
  view: View,
  path: string,
  depth: number,
): Complaint | null {
  const info = view.look(path);
  if (!info) return null;
  if (info.isDirectory) {
    return refused(
      "it is a directory",
      depth ? CORRECT_LINE : "Name a program in the directory.",
    );
  }
  if (!info.isFile) {
    return refused(
      "it is not a regular file",
      depth ? CORRECT_LINE : "Name a program.",
    );
  }
  if (info.mode !== null && !(info.mode & EXECUTE_BITS)) {
    return refused(
      "it is not executable",
      `Run chmod +x on ${depth ? path : "the file"} ${view.where}.`,
    );
  }
  const head = info.head();
  return head[0] === 0x23 && head[1] === 0x21
    ? ofScript(view, head, depth)
    : ofProgram(view, path, head);
}

function readHead(place: string): Uint8Array {
  const head = new Uint8Array(HEAD_SIZE);
  try {
    using file = Deno.openSync(place);
    return head.subarray(0, file.readSync(head) ?? 0);
  } catch {
    return head.subarray(0, 0);
  }
}

function ofProgram(
  view: View,
  path: string,
  head: Uint8Array,
): Complaint | null {
  const elf = inspectElf(head);
  if (!elf) {
    return head.length && head[0] === 0x7f ? null : refused(
      "exec format error (ENOEXEC), the file is neither an ELF program nor a script that starts with #!",
      view.where === "on the host"
        ? "Begin the script with #! and its interpreter."
        : `Run it with its interpreter: container run sh ${path}.`,
    );
  }
  const { arch } = Deno.build;
  if (machineName(elf.machine) !== arch) {
    return refused(
      `it is for another architecture, ${
        machineName(elf.machine)
      }, and this machine is ${arch}`,
      "Use a root filesystem for this architecture.",
    );
  }
  if (elf.interpreter && !view.look(elf.interpreter)) {
    return missing(
      `its loader ${elf.interpreter} is not ${view.where}`,
      "Add the loader and its libraries, or use a static program.",
    );
  }
  return null;
}

const CORRECT_LINE = "Correct the first line of the script.";

/** How many interpreters that are scripts the kernel follows, execve(2). */
const MOST_SCRIPTS = 5;

function ofScript(
  view: View,
  head: Uint8Array,
  depth: number,
): Complaint | null {
  const interpreter = interpreterOf(head);
  if (interpreter === null) {
    return refused(
      "exec format error (ENOEXEC), the first line of the script does not name an interpreter in its first 255 bytes",
      CORRECT_LINE,
    );
  }
  // A carriage return is a part of the name. It would not be seen.
  const shown = interpreter.replaceAll("\r", "\\r");
  if (!view.look(interpreter)) {
    return missing(
      `${errnoText("ENOENT")}, its interpreter ${shown} is not ${view.where}`,
      interpreter.endsWith("\r")
        ? "The script has the line ends of Windows (CRLF). Remove the carriage returns: sed -i 's/\\r$//' FILE."
        : "Add the interpreter, or correct the first line of the script.",
    );
  }
  const complaint = depth < MOST_SCRIPTS
    ? complaintOf(view, interpreter, depth + 1)
    : { ...missing("", CORRECT_LINE), loops: true as const };
  return complaint && {
    ...complaint,
    reason: complaint.loops
      ? `${
        errnoText("ELOOP")
      }, its interpreter ${shown} is a script, whose interpreter is a script, and so on`
      : `its interpreter ${shown} cannot be run: ${complaint.reason}`,
  };
}

const SPACE = 0x20;
const TAB = 0x09;
const LF = 0x0a;
/** How much of a script the kernel reads, without the NUL at the end. */
const SCRIPT_HEAD = 255;

/**
 * The interpreter that the first line of a script names, as the kernel reads it
 * (load_script() in fs/binfmt_script.c); null if it finds none.
 */
export function interpreterOf(head: Uint8Array): string | null {
  const end = head.subarray(0, SCRIPT_HEAD + 1).indexOf(LF);
  const line = head.subarray(2, end < 0 ? SCRIPT_HEAD : end);
  const isBlank = (byte: number) => byte === SPACE || byte === TAB;
  const from = line.findIndex((byte) => !isBlank(byte));
  if (from < 0) return null;
  const name = line.subarray(from);
  const to = name.findIndex((byte) => isBlank(byte) || byte === 0);
  // The name may go on where the kernel does not read.
  if (to < 0 && end < 0 && head.length >= SCRIPT_HEAD) return null;
  return to === 0 ? null : toText(to < 0 ? name : name.subarray(0, to));
}
