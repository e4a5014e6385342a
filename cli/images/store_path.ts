/** The directory of images that a command line means. */

import { checkStore } from "../../images/store/check_store.ts";
import { storeOf } from "../../images/store/places.ts";
import { storeFlag } from "../oci/store_flag.ts";

/** The directory of `--store`, or else the default one. */
export const storePath = (): string => storeOf(storeFlag.directory);

/**
 * The same, of a store that this program can use.
 *
 * @throws {ContainerError}
 */
export function checkedStorePath(): string {
  const path = storePath();
  checkStore(path);
  return path;
}
