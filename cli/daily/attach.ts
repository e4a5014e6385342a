/** `container attach`, and `run --detach-keys`. */

import { attach, openAttachment } from "../../containers/daily/attach.ts";
import type { Attachment } from "../../containers/daily/attachment.ts";
import {
  DETACH_KEYS,
  parseDetachKeys,
} from "../../launch/attend/detach_keys.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { say } from "../output.ts";
import { oneContainer } from "./each.ts";
import { shower, writeShown } from "./log_output.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "detach-keys",
    value: "KEYS",
    help: `Keys that detach (${DETACH_KEYS}); "" for none`,
  },
  { name: "no-stdin", help: "Do not send any input" },
];

/** Connects the streams to a container until it ends or the user detaches. */
export const attachCommand: Command = {
  name: "attach",
  summary: "Attach your terminal or streams to a running container",
  usage: "[flags] CONTAINER",
  flags: FLAGS,
  examples: [
    ["sudo container attach web", "Ctrl-P Ctrl-Q detaches"],
    ["sudo container attach --detach-keys ctrl-x web", "Ctrl-X detaches"],
    ["sudo container attach --no-stdin web", "show its output from now on"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container attach");
    const keys = parseDetachKeys(flags.last("detach-keys") ?? DETACH_KEYS);
    const id = oneContainer(flags, "attach");
    const [word = id] = flags.rest;
    if (!globals().store.peek(id)?.daily?.detached) {
      throw new ContainerError(
        `Cannot attach to ${word}: its streams belong to the command that started it`,
        {
          hint: "You can only attach to containers that run --detach started.",
        },
      );
    }
    const noInput = flags.has("no-stdin");
    const attachment = await openAttachment(globals().store, id);
    return await stayInFront(id, word, attachment, {
      keys,
      noInput,
      owner: false,
    });
  },
};

/**
 * Stays attached to a container. `word` is its name in messages.
 *
 * @returns the container's status; 0 after a detach
 */
export async function stayInFront(
  id: string,
  word: string,
  attachment: Attachment,
  how: { keys: Uint8Array; noInput: boolean; owner: boolean },
): Promise<number> {
  const show = shower(false);
  const status = await attach(globals().store, id, attachment, {
    ...how,
    write: async (entries) => {
      for (const shown of show(entries)) await writeShown(shown);
    },
  });
  if (status !== null) return status;
  say(
    `\ncontainer: ${word} continues to run. Attach again with: container attach ${word}`,
  );
  return 0;
}
