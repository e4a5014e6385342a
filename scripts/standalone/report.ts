/**
 * What scripts/standalone/warm.ts reports to the build.
 *
 * @module
 */
import type { Role, TextName } from "./load.ts";

/** The variable with the directory for the reports. */
export const DIRECTORY_NAME = "CONTAINER_WARM_UP";

/** The variable with the name of an image in a registry of the build. */
export const IMAGE_NAME = "CONTAINER_WARM_UP_IMAGE";

/** The file of a role in that directory: its reports, as JSON. */
export const reportFile = (role: Role) => `${role}.json`;

/** The modules of one text, and the code that V8 has compiled of them. */
export interface Report {
  name: TextName;
  modules: string[];
  /** In base64; null if the text has not run. */
  code: string | null;
}
