/** Whether a directory is a store that this program can use. */

import { ContainerError } from "../../spec/errors.ts";
import {
  checkOwner,
  namesIn,
  statOrNull,
  STORE_VERSION,
  textOrNull,
} from "./places.ts";

/**
 * Checks a store; one that does not exist is empty.
 *
 * @throws {ContainerError} if it is of a newer version, belongs to another
 * user, or is something else
 */
export function checkStore(path: string): void {
  checkOwner(path);
  const text = textOrNull(`${path}/version`)?.trim();
  if (text !== undefined) checkVersion(path, text);
  else if (
    namesIn(path).length && textOrNull(`${path}/oci-layout`) === null &&
    statOrNull(`${path}/lock`) === null
  ) {
    throw new ContainerError(
      `Cannot keep images in ${path}: the directory has other files`,
      { hint: "Name an empty or new directory with --store." },
    );
  }
}

function checkVersion(path: string, text: string): void {
  if (text === String(STORE_VERSION)) return;
  const isNewer = /^\d+$/.test(text) && Number(text) > STORE_VERSION;
  throw new ContainerError(
    `Cannot use the store of images at ${path}: it has version ${
      isNewer ? text : JSON.stringify(text.slice(0, 20))
    }, and this program knows version ${STORE_VERSION}`,
    {
      hint: isNewer
        ? "Use a newer version of container, or another directory with --store."
        : "Name another directory with --store.",
    },
  );
}
