/**
 * A container in the network namespace of another container,
 * `--network container:NAME`. Runs on the host, in the process of the command;
 * reads and changes nothing.
 */

import { MEMORY_FILE } from "../../plan/mounts/memory_files.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Mount } from "../../spec/types.ts";
import type { ContainerOptions } from "../decide/options.ts";
import { isAlive, type Store } from "../store/store.ts";
import { shortId } from "./names.ts";

/** The files that come with the network namespace, as with docker. */
const SHARED_FILES = ["/etc/hosts", "/etc/resolv.conf"];

/**
 * The options with the namespace, the name and the files of names of the
 * container whose network they share. They are looked up at each start, since
 * that container may have been started again.
 *
 * @throws {ContainerError} if that container is gone or does not run
 */
export function withSharedNetwork(
  store: Store,
  options: ContainerOptions,
): ContainerOptions {
  const { sharedNetwork: shared } = options;
  if (!shared) return options;
  const record = store.peek(shared.container);
  if (!record) throw store.missing(shortId(shared.container));
  if (!isAlive(record)) {
    const name = record.daily?.name ?? shortId(record.id);
    throw new ContainerError(
      `Cannot join network of a non running container: ${name}`,
      { hint: `Start it first: container start ${name}.` },
    );
  }
  const { pid, spec } = record;
  const ownUts = (options.namespaces?.uts ?? "private") === "private";
  return {
    ...options,
    namespaces: { ...options.namespaces, network: `path:/proc/${pid}/ns/net` },
    ...(ownUts && spec.hostname !== undefined
      ? { hostname: spec.hostname, domainname: spec.domainname }
      : {}),
    sharedNetwork: {
      ...shared,
      files: Object.fromEntries(
        SHARED_FILES.flatMap((path) => {
          const mount = spec.mounts?.findLast((one) => isOurs(one, path));
          return mount ? [[path, mount]] : [];
        }),
      ),
    },
  };
}

/** Whether a mount is the file that a container has been given at a path. */
const isOurs = ({ type, source, destination }: Mount, path: string) =>
  type === MEMORY_FILE
    // The destination of a link that was followed ends with the same name.
    ? destination.endsWith(path.slice("/etc".length))
    : destination === path && /\/networks\/hosts\/[^/]+$/.test(source ?? "");
