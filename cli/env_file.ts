/**
 * Files of `--env-file`, read as docker reads them: lines of `K=V`, `K` for the
 * caller's value, and `#` comments. A value is everything after the equals
 * sign, blanks and quotes included.
 */

import {
  absolutePath,
  type Requester,
} from "../containers/decide/requester.ts";
import { SyscallError } from "../ffi/errno.ts";
import { UsageError } from "../spec/errors.ts";

const BYTE_ORDER_MARK = "\ufeff";

/**
 * Reads the variables of a file.
 *
 * @throws {UsageError} with the file and the line, for a name that no shell
 * could use, and for a NUL byte
 */
export function readEnvFile(
  path: string,
  requester: Requester,
): [key: string, value: string][] {
  const { world } = requester;
  let text: string;
  try {
    text = world.readText(absolutePath(requester, path));
  } catch (error) {
    const reason = error instanceof SyscallError && error.code === "ENOENT"
      ? "no such file"
      : "it cannot be read";
    throw new UsageError(`--env-file ${path}: ${reason}`);
  }
  return parseEnvFile(text, path, (key) => world.variable(key));
}

/** Parses the text of a file. */
export function parseEnvFile(
  text: string,
  path: string,
  caller: (key: string) => string | null,
): [key: string, value: string][] {
  const lines = text.replace(BYTE_ORDER_MARK, "").split(/\r?\n/);
  return lines.flatMap((line, index): [string, string][] => {
    const entry = line.replace(/^[ \t]+/, "");
    if (!entry || entry.startsWith("#")) return [];
    const [, key = "", value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(entry)!;
    const fault = faultOf(key) ??
      (value?.includes("\0") ? "it has a NUL byte" : null);
    if (fault) {
      throw new UsageError(
        `--env-file ${path}: line ${index + 1}: ${fault}`,
        "A line is NAME=VALUE, NAME for the caller's value, or a # comment.",
      );
    }
    const given = value ?? caller(key);
    return given === null ? [] : [[key, given]];
  });
}

function faultOf(key: string): string | null {
  if (!key) return "the name of the variable is missing";
  if (/^export[ \t]/.test(key)) return "export is a word of shells";
  if (key.includes("\0")) return "it has a NUL byte";
  return /\s/.test(key) ? `the name "${key}" has a blank` : null;
}
