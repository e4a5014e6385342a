/** `container wait`: until containers have ended. */

import { awaitEnd } from "../../lifecycle/daily/await_end.ts";
import { findContainer } from "../../lifecycle/daily/names.ts";
import { endOf, isKept } from "../../lifecycle/daily/view.ts";
import type { ContainerRecord, Store } from "../../lifecycle/oci/store.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { parseFlags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { containersOf } from "./each.ts";

/** Between two looks at whether the keeper has written it down, in milliseconds. */
const PATIENCE = 5;

/** How long a start may take, in milliseconds. */
const START = 5000;

/** The status of its end, or of the one that it has had. */
async function statusOfEnd(store: Store, id: string): Promise<number> {
  const record = await started(store, id);
  const find = () => endOf(`${store.root}/${id}`, record);
  await awaitEnd(record, -1);
  // A container of --rm is there for a moment longer than its end.
  for (let kept = true;;) {
    const end = find();
    if (end) return end.code;
    if (!kept) throw gone(id);
    kept = isKept(record);
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }
}

/** Between two starts it has no process for a moment. */
async function started(store: Store, id: string): Promise<ContainerRecord> {
  const patience = performance.now() + START;
  for (;;) {
    const record = store.peek(id);
    if (!record) throw gone(id);
    if (record.pid !== 0) return record;
    if (performance.now() > patience) {
      throw new ContainerError(`Cannot wait for ${id}: it was never started`, {
        hint: `Start it: container start ${id}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }
}

const gone = (id: string) =>
  new ContainerError(
    `Cannot tell how ${id} ended: nobody has written it down`,
    { hint: "Its keeper was killed, or it has none." },
  );

/** Waits, and prints the statuses. */
export const waitCommand: Command = {
  name: "wait",
  summary: "Wait until containers have ended, and print their statuses",
  usage: "CONTAINER…",
  flags: [],
  examples: [["sudo container wait web", "prints 0, or what it ended with"]],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container wait");
    const { store } = globals();
    const ids = containersOf(flags, "wait").map((word) =>
      findContainer(store, word)
    );
    const statuses = await Promise.all(ids.map((id) => statusOfEnd(store, id)));
    for (const status of statuses) print(String(status));
    return 0;
  },
};
