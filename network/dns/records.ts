/**
 * The containers that the resolver serves, on disk: `containers/ID` in its
 * directory. If it was killed, the next command starts it again with them. Runs
 * on the host.
 *
 * @module
 */

import { registrationPath } from "../../plan/resolver.ts";
import type { Owner } from "../../plan/undo.ts";
import {
  namesIn,
  removeIfThere,
  textOrNull,
  writeWhole,
} from "../records/files.ts";
import type { Registration } from "./registration.ts";

/** A registration with the container's first process. */
export interface RecordedRegistration {
  registration: Registration;
  process: Owner;
}

/** Records a container. The resolver's directory exists. */
export function recordRegistration(
  directory: string,
  recorded: RecordedRegistration,
): void {
  Deno.mkdirSync(registrationPath(directory, ""), {
    recursive: true,
    mode: 0o700,
  });
  writeWhole(
    registrationPath(directory, recorded.registration.container),
    JSON.stringify(recorded),
  );
}

/** What is recorded of a container; null if nothing is. */
export function readRegistration(
  directory: string,
  container: string,
): RecordedRegistration | null {
  const text = textOrNull(registrationPath(directory, container));
  return text === null ? null : JSON.parse(text);
}

/** All recorded containers; some of them may have ended. */
export const listRegistrations = (directory: string): RecordedRegistration[] =>
  namesIn(registrationPath(directory, ""))
    .flatMap((container) => readRegistration(directory, container) ?? []);

/** Removes the record of a container, if there is one. */
export const removeRegistration = (path: string): void => removeIfThere(path);
