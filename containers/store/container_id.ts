/** Valid ids of containers. Pure. */

import { ContainerError } from "../../spec/errors.ts";
import { shown } from "../../spec/reader.ts";

/** NAME_MAX: an id is also the name of a directory. */
const LONGEST_ID = 255;
/** runc's rule for names that are safe as a directory. */
const ID = new RegExp(`^(?!\\.\\.?$)[\\w+.-]{1,${LONGEST_ID}}$`);

/** Whether a word is a valid id. */
export const isId = (word: string): boolean => ID.test(word);

/**
 * Refuses an id that could name something other than a directory of the store.
 *
 * @throws {ContainerError}
 */
export function checkId(id: string): void {
  if (isId(id)) return;
  throw new ContainerError(
    id === ""
      ? "container id cannot be empty"
      : `invalid container ID format: ${shown(id)}`,
    {
      hint: id.length > LONGEST_ID
        ? `Use at most ${LONGEST_ID} characters.`
        : "Use letters, digits, and _ + - . but not . or .. alone.",
    },
  );
}
