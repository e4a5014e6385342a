/** What an id of a container is. Pure. */

import { ContainerError } from "../../spec/errors.ts";
import { shown } from "../../spec/reader.ts";

/** NAME_MAX: an id is the name of a directory. */
const LONGEST_ID = 255;
/** runc's rule: what is safe as the name of a directory. */
const ID = new RegExp(`^(?!\\.\\.?$)[\\w+.-]{1,${LONGEST_ID}}$`);

/** Whether a word can be an id. */
export const isId = (word: string): boolean => ID.test(word);

/** Refuses an id that could name something else than a directory of the store. */
export function checkId(id: string): void {
  if (isId(id)) return;
  throw new ContainerError(
    id === ""
      ? "container id cannot be empty"
      : `invalid container ID format: ${shown(id)}`,
    {
      hint: id.length > LONGEST_ID
        ? `It takes ${LONGEST_ID} characters at most.`
        : "It takes letters, digits, and _ + - . but neither . nor .. alone.",
    },
  );
}
