/** Parses the values of the flags of `run`. Every error names its flag. */

import { RLIMITS } from "../plan/process/rlimits.ts";
import { UsageError } from "../spec/errors.ts";
import type { Mount, Rlimit } from "../spec/types.ts";
import { SyscallError } from "../ffi/errno.ts";
import {
  absolutePath,
  orNull,
  type Requester,
} from "../containers/decide/requester.ts";
import { bindOptions, checkTmpfsOptions } from "./mount_words.ts";
import { parseImageMount } from "./images/mounts/image_mount.ts";
import {
  checkVolumeName,
  parseVolumeMount,
  volumeMount,
} from "./volumes/volume_words.ts";

const absolute = (flag: string, path: string) => {
  if (path.startsWith("/")) return path;
  throw new UsageError(
    `${flag}: ${path || "the path inside"} is not absolute`,
    "Use a path inside the container that begins with a slash.",
  );
};

/**
 * The real path of a host path. Relative paths start at the requester's
 * directory.
 */
function hostPath(
  flag: string,
  path: string,
  requester: Requester,
  hint = "Create it, or correct the path.",
): string {
  try {
    return requester.world.realPath(absolutePath(requester, path));
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENOENT") {
      throw new UsageError(
        `${flag}: ${path} does not exist on the host`,
        hint,
      );
    }
    throw error;
  }
}

/**
 * Parses `SRC:DST[:OPTIONS]`, or `DST` for an anonymous volume. A word without a
 * slash names a volume.
 */
export function parseVolume(text: string, requester: Requester): Mount {
  const flag = `--volume ${text}`;
  const parts = text.split(":");
  const isOne = parts.length === 1;
  const [source = "", destination = "", options = "", ...further] = isOne
    ? ["", ...parts]
    : parts;
  if (!destination || !isOne && !source) {
    throw new UsageError(`${flag}: not SRC:DST[:OPTIONS]`, "Give both paths.");
  }
  if (further.length) {
    throw new UsageError(
      `${flag}: more than SRC:DST:OPTIONS`,
      "For a path that contains a colon, use --mount type=bind,source=SRC,target=DST.",
    );
  }
  const words = options.split(",").filter((word) => word);
  const inside = absolute(flag, destination);
  if (isOne || isVolumeWord(source)) {
    if (!isOne) refuseNearDirectory(flag, source, requester);
    return volumeMount(flag, { name: source, destination: inside, words });
  }
  return {
    destination: inside,
    type: "bind",
    options: bindOptions(flag, words),
    source: hostPath(flag, source, requester),
  };
}

/** Whether a source is the name of a volume, and no path. */
const isVolumeWord = (source: string) =>
  !source.includes("/") && source !== "." && source !== "..";

/** A word could mean a directory of this name, as in earlier versions. */
function refuseNearDirectory(
  flag: string,
  name: string,
  requester: Requester,
): void {
  if (pathExists(name, requester)) {
    throw new UsageError(
      `${flag}: ${name} could be a volume, or the ${name} in this directory`,
      `Use ./${name} for that, and --mount type=volume,source=${name},target=PATH for a volume.`,
    );
  }
  checkVolumeName(name);
}

/** Types of `--mount` in docker and podman that are no file systems. */
const FOREIGN_TYPES: Readonly<Record<string, string>> = {
  artifact: "Mount a directory with type=bind.",
  glob: "Mount each path with type=bind.",
  npipe: "Named pipes of Windows do not exist here.",
  cluster: "Mount a directory with type=bind.",
};

/** Whether a path of the host exists. */
export const pathExists = (path: string, requester: Requester): boolean =>
  orNull(() => requester.world.stat(absolutePath(requester, path))) !== null;

/** Parses `SRC:DST`, or one path for both, as in bubblewrap's --bind family. */
export function parseBind(
  name: string,
  text: string,
  { options, requester }: {
    options: readonly string[];
    requester: Requester;
  },
): Mount {
  const flag = `--${name} ${text}`;
  const [source = "", destination = source] = text.split(":");
  return {
    destination: absolute(flag, destination),
    type: "bind",
    source: hostPath(flag, source, requester),
    options: ["rbind", "nosuid", ...options],
  };
}

/** Parses `DST`: an empty directory. */
export function parseDirectory(text: string): Mount {
  return { destination: absolute(`--dir ${text}`, text), type: "directory" };
}

/** Parses `TO:DST`: a symbolic link. */
export function parseSymlink(text: string): Mount {
  const at = text.lastIndexOf(":");
  const flag = `--symlink ${text}`;
  if (at < 1) throw new UsageError(`${flag}: not TO:DST`);
  return {
    destination: absolute(flag, text.slice(at + 1)),
    type: "symlink",
    source: text.slice(0, at),
  };
}

/**
 * The largest file that --file copies. Its content becomes part of the plan.
 */
const MAX_FILE = 1024 * 1024;

/** Parses `SRC:DST`: a copy of a text file of at most 1 MiB. */
export function parseFile(text: string, requester: Requester): Mount {
  const flag = `--file ${text}`;
  const [source = "", destination = ""] = text.split(":");
  if (!source || !destination) throw new UsageError(`${flag}: not SRC:DST`);
  const path = hostPath(flag, source, requester);
  if (requester.world.stat(path).size > MAX_FILE) {
    throw new UsageError(
      `${flag}: the file is larger than 1 MiB`,
      "Use --ro-bind instead.",
    );
  }
  return {
    destination: absolute(flag, destination),
    type: "file",
    source: requester.world.readText(path),
  };
}

/** Parses `DST[:OPTIONS]`: a tmpfs. */
export function parseTmpfs(text: string): Mount {
  const [destination = "", options = ""] = text.split(":");
  const words = options.split(",").filter((word) => word);
  return tmpfs(`--tmpfs ${text}`, destination, words);
}

/** A tmpfs with the defaults of docker, however it is asked for. */
function tmpfs(
  flag: string,
  destination: string,
  words: readonly string[],
): Mount {
  checkTmpfsOptions(flag, words);
  return {
    destination: absolute(flag, destination),
    type: "tmpfs",
    source: "tmpfs",
    options: [
      ...["nosuid", "nodev", "noexec"],
      ...(words.some((word) => word.startsWith("mode=")) ? [] : ["mode=1777"]),
      ...words,
    ],
  };
}

/** Parses `type=bind,source=S,target=T,readonly`, as docker's --mount. */
export function parseMount(text: string, requester: Requester): Mount {
  const flag = `--mount ${text}`;
  const entries = text.split(",").map((part) => {
    const [key = "", value = ""] = part.split(/=(.*)/s);
    return [key, value] as const;
  });
  const value = (...keys: string[]) =>
    entries.find(([key]) => keys.includes(key))?.[1];
  const source = value("source", "src");
  const type = value("type") ?? (source?.includes("/") ? "bind" : "volume");
  if (Object.hasOwn(FOREIGN_TYPES, type)) {
    throw new UsageError(
      `${flag}: there is no type=${type}`,
      FOREIGN_TYPES[type],
    );
  }
  const target = value("target", "dst", "destination");
  if (!target) throw new UsageError(`${flag}: target= is missing`);
  if (type === "volume") {
    return parseVolumeMount(
      flag,
      source ?? "",
      absolute(flag, target),
      entries,
    );
  }
  if (type === "image") {
    const inside = absolute(flag, target);
    return parseImageMount(flag, source ?? "", inside, entries);
  }
  const options = entries.flatMap(([key, given]) => {
    if (
      ["type", "target", "dst", "destination", "source", "src"].includes(key)
    ) {
      return [];
    }
    if (key === "readonly" || key === "ro") {
      return given === "false" || given === "0" ? [] : ["ro"];
    }
    if (key === "bind-propagation") return [given];
    if (key === "consistency") return [];
    if (key === "bind-recursive") return recursion(flag, given);
    if (key === "bind-nonrecursive") return given === "false" ? [] : ["bind"];
    if (key === "tmpfs-size") return [`size=${given}`];
    if (key === "tmpfs-mode") return [`mode=${given}`];
    return [given ? `${key}=${given}` : key];
  });
  if (type === "bind") {
    if (!source) throw new UsageError(`${flag}: source= is missing`);
    return {
      destination: absolute(flag, target),
      type,
      source: hostPath(flag, source, requester),
      options: bindOptions(flag, options),
    };
  }
  if (type === "tmpfs") return tmpfs(flag, target, options);
  return {
    destination: absolute(flag, target),
    type,
    source: source ?? type,
    options,
  };
}

/**
 * docker's `bind-recursive`. Read-only mounts of the host always include the
 * mounts below.
 */
function recursion(flag: string, word: string): string[] {
  const options: Record<string, string[] | undefined> = {
    enabled: [],
    disabled: ["bind"],
    writable: [],
    readonly: ["rro"],
  };
  const found = Object.hasOwn(options, word) && options[word];
  if (found && word !== "writable") return found;
  throw new UsageError(
    `${flag}: bind-recursive=${word} is not one of enabled, disabled and readonly`,
    word === "writable"
      ? "Mounts below a read-only mount are always read-only."
      : undefined,
  );
}

/** RLIM_INFINITY of getrlimit(2). */
const MOST_LIMIT = 2n ** 64n - 1n;

/** Parses `nofile=1024:2048`. */
export function parseUlimit(text: string): Rlimit {
  const match = text.match(
    /^([a-z]+)=(-1|unlimited|\d+)(?::(-1|unlimited|\d+))?$/,
  );
  const name = `RLIMIT_${match?.[1]?.toUpperCase() ?? ""}`;
  if (!match || !RLIMITS.includes(name)) {
    throw new UsageError(
      `--ulimit ${text}: not NAME=SOFT[:HARD]`,
      `The names are ${
        RLIMITS.map((limit) => limit.slice(7).toLowerCase()).join(", ")
      }.`,
    );
  }
  const number = (word: string): number | bigint => {
    if (word === "unlimited" || word === "-1") return -1;
    const value = BigInt(word);
    // The highest 64-bit number means no limit.
    if (value === MOST_LIMIT) return -1;
    if (value < MOST_LIMIT) {
      return value > Number.MAX_SAFE_INTEGER ? value : Number(value);
    }
    throw new UsageError(
      `--ulimit ${text}: ${word} is too large`,
      "Use unlimited for no limit.",
    );
  };
  const soft = number(match[2]!);
  return { type: name, soft, hard: match[3] ? number(match[3]) : soft };
}

/** Parses an integer in a range. */
export function parseNumber(
  flag: string,
  text: string,
  [least, most]: readonly [number, number],
): number {
  const value = Number(text);
  if (/^-?\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(
    `--${flag} ${text}: not a number from ${least} to ${most}`,
  );
}

/** Parses an octal mode. */
export function parseMode(flag: string, text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return parseInt(text, 8);
  throw new UsageError(`--${flag} ${text}: not an octal mode like 022`);
}

/** Parses a list of CPUs: `0-1,3`. */
export function parseCpus(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const match = part.match(/^(\d{1,4})(?:-(\d{1,4}))?$/);
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match || to < from || to > 1023) {
      throw new UsageError(`--cpu ${text}: not a list of CPUs like 0-1,3`);
    }
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** Parses `K=V`. With a fallback, `K` alone takes the caller's value. */
export function parsePair(
  flag: string,
  text: string,
  fallback?: (key: string) => string | null,
): [key: string, value: string] | null {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  if (at < 0 && text && fallback) {
    const value = fallback(text);
    return value === null ? null : [text, value];
  }
  throw new UsageError(
    at === 0 || !text
      ? `--${flag} ${text}: the name is missing`
      : `--${flag} ${text}: the value is missing`,
    `Use --${flag} NAME=VALUE.`,
  );
}
