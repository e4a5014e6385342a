/** The flags of the commands that make images. */

import { INSTRUCTION_NAMES } from "../../images/spec/instructions.ts";
import type { Flag } from "../flags.ts";

/** Changes the configuration. */
export const CHANGE: Flag = {
  name: "change",
  short: "c",
  value: "INSTRUCTION",
  help: `Change the configuration, as a Dockerfile does; repeatable: ${
    INSTRUCTION_NAMES.join(", ")
  }`,
};

/** A comment. */
export const MESSAGE: Flag = {
  name: "message",
  short: "m",
  value: "TEXT",
  help: "A comment for the history of the image",
};
