/**
 * The flags of `run` that let a container outlive its command, or give it a
 * name.
 */

import type { KeepOptions } from "../../containers/daily/make.ts";
import {
  type RestartPolicy,
  STOP_TIMEOUT,
} from "../../containers/store/daily_record.ts";
import { checkName } from "../../containers/daily/names.ts";
import { UsageError } from "../../spec/errors.ts";
import { parseSize } from "../../spec/resource_flags.ts";
import type { Flags } from "../flags.ts";
import { signalNumber } from "../oci/signal.ts";
import { parseNumber } from "../run_values.ts";

/** The default size at which a log starts over. */
const LOG_MAX = "4m";
const LOG_MIN = 32 << 10;
const DAY = 86_400;

/** Flags that need a container with a record. */
const NEED_RECORD = [
  "label",
  "restart",
  "stop-signal",
  "stop-timeout",
  "log-max-size",
] as const;

/**
 * The options of a container with a record; null if it has none, as with a
 * plain `run` without a name.
 *
 * @throws {UsageError} for flags that contradict each other
 */
export function keepOptionsOf(flags: Flags): KeepOptions | null {
  const detached = flags.has("detach") ||
    flags.last("detach-keys") !== undefined;
  const name = flags.last("name");
  const idFile = flags.last("cidfile");
  if (!detached && name === undefined && idFile === undefined) {
    const asked = NEED_RECORD.find((flag) => flags.last(flag) !== undefined);
    if (asked === undefined) return null;
    throw new UsageError(
      `--${asked} requires a container with a name or in the background`,
      "Add --name or --detach.",
    );
  }
  if (name !== undefined) checkName(name);
  const restart = restartPolicy(flags.last("restart") ?? "no");
  const autoRemove = flags.has("rm") || !detached && name === undefined;
  if (restart.name !== "no") {
    if (autoRemove) {
      throw new UsageError("--rm and --restart cannot be used together");
    }
    if (!detached) {
      throw new UsageError(
        "--restart requires a container in the background",
        "Add --detach.",
      );
    }
  }
  const timeout = flags.last("stop-timeout");
  return {
    name,
    idFile,
    labels: Object.fromEntries(
      flags.all("label").map((text) => {
        const [key = "", value = ""] = text.split(/=(.*)/s);
        if (!key) throw new UsageError(`--label ${text}: expected K=V`);
        return [key, value];
      }),
    ),
    interactive: flags.has("interactive"),
    autoRemove,
    restart,
    stopSignal: signalNumber(flags.last("stop-signal") ?? "TERM"),
    stopTimeout: timeout === undefined
      ? STOP_TIMEOUT
      : parseNumber("stop-timeout", timeout, [-1, DAY]),
    logMax: logMaximum(flags.last("log-max-size") ?? LOG_MAX),
  };
}

/**
 * Parses the limit of a log. It cannot be smaller than what the keeper writes
 * at a time.
 */
function logMaximum(text: string): number {
  const size = parseSize("log-max-size", text);
  if (size === 0 || size >= LOG_MIN) return size;
  throw new UsageError(
    `--log-max-size ${text}: the minimum is 32k`,
    "Use 0 for a log of unlimited size.",
  );
}

function restartPolicy(text: string): RestartPolicy {
  const [name, count] = text.split(":");
  const maximum = Number(count ?? 0);
  const known = name === "no" || name === "always" ||
    name === "unless-stopped" || name === "on-failure";
  const counts = count === undefined ||
    name === "on-failure" && /^\d+$/.test(count);
  if (known && counts) return { name, maximum };
  throw new UsageError(
    `--restart ${text}: unknown policy`,
    "The policies are no, on-failure[:N], always and unless-stopped.",
  );
}
