/**
 * The words for volumes: names, the options of a driver, and what `--volume` and
 * `--mount` say. Pure.
 */

import { UsageError } from "../../spec/errors.ts";
import type { Mount } from "../../spec/types.ts";
import { bindOptions } from "../mount_words.ts";

/** The names that docker's local driver takes. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Whether a word can name a volume. */
export const isVolumeName = (word: string): boolean => NAME.test(word);

/**
 * Refuses a word that cannot name a volume.
 *
 * @throws {UsageError}
 */
export function checkVolumeName(word: string): string {
  if (isVolumeName(word)) return word;
  throw new UsageError(
    `Invalid volume name ${JSON.stringify(word)}`,
    word.includes("/")
      ? "A directory of the host is mounted with run -v DIR:PATH."
      : "Use two or more letters, digits, and after the first character also _ . -",
  );
}

/**
 * A mount of a volume. Its source is a name until the store is known; none for
 * an anonymous volume.
 *
 * @param words options of `--volume`, and `nocopy`, `volume-label=K=V`,
 * `volume-opt=K=V`
 * @throws {UsageError}
 */
export function volumeMount(
  flag: string,
  { name, destination, words }: {
    name: string;
    destination: string;
    words: readonly string[];
  },
): Mount {
  const isOwn = (word: string) => /^(nocopy$|volume-(label|opt)=)/.test(word);
  const given = words.filter((word) => word.startsWith("volume-opt="))
    .map((word) => word.slice("volume-opt=".length));
  driverOptions(flag, given);
  return {
    destination,
    type: "volume",
    source: name,
    options: [
      ...bindOptions(flag, words.filter((word) => !isOwn(word))),
      ...words.filter(isOwn),
    ],
  };
}

/** The keys of docker's local driver. */
const DRIVER_KEYS = ["type", "o", "device", "size"];

/**
 * Reads the options of docker's local driver: none, or a directory of the host.
 *
 * @throws {UsageError} for other options, and for other file systems
 */
export function driverOptions(
  flag: string,
  words: readonly string[],
): Record<string, string> {
  const options: Record<string, string> = {};
  for (const word of words) {
    const [key = "", value = ""] = word.split(/=(.*)/s);
    if (!DRIVER_KEYS.includes(key)) {
      throw new UsageError(
        `${flag}: the driver local has no option ${key || '""'}`,
        "Its options are type=none, o=bind and device=DIR.",
      );
    }
    options[key] = value;
  }
  if (!words.length) return options;
  const { type = "", o = "", device = "" } = options;
  if ("size" in options) {
    throw new UsageError(
      `${flag}: size= is not supported, because quotas are not`,
      "Use a file system of that size, and type=none,o=bind,device=DIR.",
    );
  }
  if (!/^(none|bind|)$/.test(type)) {
    throw new UsageError(
      `${flag}: type=${type} is not supported`,
      type === "tmpfs"
        ? "run --tmpfs mounts a directory in memory."
        : "Mount it on the host, and use type=none, o=bind and device=DIR.",
    );
  }
  if (!/^r?bind$/.test(o)) {
    throw new UsageError(
      `${flag}: o=${o} is not supported`,
      "Use o=bind with device=DIR; other options belong to run -v.",
    );
  }
  if (!device.startsWith("/")) {
    throw new UsageError(
      `${flag}: device= is not an absolute path`,
      "Name a directory of the host: device=/srv/data.",
    );
  }
  return options;
}

/**
 * Refuses another driver than docker's local one.
 *
 * @throws {UsageError}
 */
export function checkDriver(flag: string, driver: string): void {
  if (driver === "local" || driver === "") return;
  throw new UsageError(
    `${flag}: there is no volume driver ${driver}`,
    "The only driver is local.",
  );
}

/**
 * Parses `type=volume,source=NAME,target=T,readonly`.
 *
 * @param entries the words, with their values
 * @throws {UsageError}
 */
export function parseVolumeMount(
  flag: string,
  name: string,
  destination: string,
  entries: readonly (readonly [key: string, value: string])[],
): Mount {
  if (name) checkVolumeName(name);
  const isOff = (value: string) => value === "false" || value === "0";
  const words = entries.flatMap(([key, value]): string[] => {
    switch (key) {
      case "type":
      case "target":
      case "dst":
      case "destination":
      case "source":
      case "src":
      case "consistency":
        return [];
      case "readonly":
      case "ro":
        return isOff(value) ? [] : ["ro"];
      case "volume-nocopy":
        return isOff(value) ? [] : ["nocopy"];
      case "volume-driver":
        checkDriver(flag, value);
        return [];
      case "volume-subpath":
        throw new UsageError(
          `${flag}: volume-subpath= is not supported`,
          "Mount the whole volume.",
        );
      default:
        return [value ? `${key}=${value}` : key];
    }
  });
  return volumeMount(flag, { name, destination, words });
}
