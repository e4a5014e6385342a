/**
 * `run --name` in the foreground: a container that ends with the command which
 * runs it, and that other commands find by its name. Runs on the host, in the
 * process of that command, which acts as its keeper.
 */

import { stateOf } from "../../cgroup/mod.ts";
import { bootId, startTime } from "../../launch/host/owner.ts";
import type { ImageRoot } from "../decide/images/image_root.ts";
import type { ContainerOptions } from "../decide/options.ts";
import { NamedLedger, takeBackHost } from "../store/entry_ledger.ts";
import type { Store } from "../store/store.ts";
import { prepare, run, type RunOptions } from "../run/run.ts";
import type { StatusEvent } from "../run/status_lines.ts";
import { forget } from "./dead.ts";
import { writeEnd } from "./exit_record.ts";
import { addContainer, draft, type KeepOptions, withHostname } from "./make.ts";
import { killAndRemove } from "./remove.ts";
import { collectImages } from "./store_uses.ts";

/**
 * Runs a container, waits for its end and records it. With `autoRemove` the
 * container is removed afterwards.
 *
 * @returns the status of the command; 128+n if signal n killed it
 * @throws {ContainerError} if the container cannot be started; then it is
 * removed
 */
export async function runNamed(
  store: Store,
  options: ContainerOptions,
  rootfs: string | ImageRoot,
  keep: KeepOptions,
  how: RunOptions,
): Promise<number> {
  const { id, daily } = draft(keep, options, rootfs, false);
  const prepared = await prepare({
    ...{ id, rootfs: daily.rootfs, image: daily.image, idFile: keep.idFile },
    options: withHostname(id, options),
    record: { directory: store.pathOf(id), container: daily.name },
  });
  const { spec, cgroup } = prepared;
  // `start` will run it in the background, where no terminal can be detected.
  daily.options.tty = spec.process.terminal ?? false;
  {
    using entry = addContainer(store, {
      id,
      daily: {
        ...daily,
        keeper: { pid: Deno.pid, startTime: startTime(Deno.pid) ?? "" },
      },
    }, spec);
    entry.save({
      ...entry.record,
      boot: bootId(),
      cgroup: cgroup && stateOf(cgroup),
    });
  }
  let pid = 0;
  const events = (event: StatusEvent) => {
    if (event.event === "started") {
      pid = event.pid;
      noteStart(store, id, pid);
    }
    how.events?.(event);
  };
  try {
    const ledger = new NamedLedger(store, id);
    const status = await run(prepared, { ...how, events, ledger });
    noteEnd(`${store.root}/${id}`, pid, status);
    if (keep.autoRemove) await removeNamed(store, id);
    return status;
  } catch (error) {
    await removeNamed(store, id);
    throw error;
  }
}

function noteStart(store: Store, id: string, pid: number): void {
  using entry = store.find(id);
  if (!entry) return;
  const { record } = entry;
  entry.save({
    ...record,
    pid,
    startTime: startTime(pid) ?? "",
    daily: { ...record.daily!, started: new Date().toISOString() },
  });
}

function noteEnd(directory: string, pid: number, status: number): void {
  try {
    writeEnd(directory, pid, status);
  } catch (error) {
    // Another command has removed the container.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeNamed(store: Store, id: string): Promise<void> {
  using entry = store.find(id);
  if (!entry) return;
  // This process is the keeper, and must not wait for itself.
  entry.record = {
    ...entry.record,
    daily: { ...entry.record.daily!, keeper: null },
  };
  if (entry.isAlive()) return await killAndRemove(store, entry);
  takeBackHost(entry);
  forget(store, entry);
  await collectImages(entry.record.daily!);
}
