/**
 * Pauses a container for a moment, so that its files do not change. If the
 * command is killed meanwhile, a guard lets the container go on. Runs on the
 * host, in the command's process.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { isAlive, type Store } from "../store/store.ts";

/** Waits for the end of its input, then writes a word to a file. */
const GUARD = 'trap "" HUP INT TERM; read -r _; printf %s "$1" >"$2"';

/**
 * Pauses a container until the result is disposed of. A container that does not
 * run, is paused already, or has no cgroup of its own is left as it is.
 *
 * @returns whether no process of it runs now
 */
export function paused(
  store: Store,
  id: string,
): Disposable & { isQuiet: boolean } {
  using entry = store.open(id);
  const { record } = entry;
  const runs = isAlive(record);
  const cgroup = record.cgroup ? new Cgroup(record.cgroup) : null;
  const thawing = cgroup?.thawing();
  if (!runs || !cgroup || !thawing || cgroup.isFrozen()) {
    return {
      isQuiet: !runs || cgroup?.isFrozen() === true,
      [Symbol.dispose]() {},
    };
  }
  const guard = guardOf(thawing);
  try {
    cgroup.freeze();
  } catch (error) {
    cgroup.thaw();
    guard?.end();
    throw error;
  }
  return {
    isQuiet: true,
    [Symbol.dispose]() {
      cgroup.thaw();
      guard?.end();
    },
  };
}

/** A process that thaws when this one has ended; null if there is no shell. */
function guardOf(
  thawing: { file: string; word: string },
): { end(): void } | null {
  try {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", GUARD, "sh", thawing.word, thawing.file],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      clearEnv: true,
    }).spawn();
    child.unref();
    return {
      end() {
        try {
          child.kill("SIGKILL");
        } catch {
          // It has ended.
        }
      },
    };
  } catch {
    return null;
  }
}
