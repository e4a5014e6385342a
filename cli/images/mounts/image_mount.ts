/** `--mount type=image`: shows the files of an image. Pure. */

import { subpathOption } from "../../../containers/decide/images/image_mount.ts";
import { UsageError } from "../../../spec/errors.ts";
import type { Mount } from "../../../spec/types.ts";

/** The words of docker and podman that say what is mounted, and where. */
const OTHERS = [
  ...["type", "target", "dst", "destination", "source", "src"],
  "consistency",
];

const isOff = (value: string) => value === "false" || value === "0";

/**
 * Parses `type=image,source=IMAGE,target=T[,subpath=PATH][,rw=true]`. The image
 * is looked up later.
 *
 * @param entries the words, with their values
 * @throws {UsageError}
 */
export function parseImageMount(
  flag: string,
  source: string,
  destination: string,
  entries: readonly (readonly [key: string, value: string])[],
): Mount {
  if (!source) {
    throw new UsageError(
      `${flag}: source= is missing`,
      "Name an image: source=alpine:3.20.",
    );
  }
  let writable = false;
  let subpath: string | undefined;
  for (const [key, value] of entries) {
    switch (key) {
      case "rw":
      case "readwrite":
        writable = !isOff(value);
        break;
      case "ro":
      case "readonly":
        writable = isOff(value);
        break;
      case "subpath":
      case "image-subpath":
        subpath = value;
        break;
      default:
        if (OTHERS.includes(key)) break;
        throw new UsageError(
          `${flag}: unknown option ${key}`,
          "The options of an image are subpath=PATH, readonly and rw=true.",
        );
    }
  }
  return {
    destination,
    type: "image",
    source,
    options: [
      writable ? "rw" : "ro",
      ...(subpath === undefined ? [] : [subpathOption(subpath)]),
    ],
  };
}
