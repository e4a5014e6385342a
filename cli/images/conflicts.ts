/** Which containers keep an image from being removed, as docker decides. */

import { look } from "../../containers/daily/view.ts";
import { Store } from "../../containers/store/store.ts";
import {
  lookAtContainers,
  type StoreUser,
} from "../../images/store/containers.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { ContainerError } from "../../spec/errors.ts";
import { shownUsers } from "../volumes/names.ts";

/** The containers of an image. */
export interface ImageUsers {
  running: StoreUser[];
  stopped: StoreUser[];
}

/** An image that containers use cannot be removed. */
export class InUse extends ContainerError {}

/** Whether a container runs. Without a record it exists only while it does. */
function runs({ id, record }: StoreUser): boolean {
  if (record === null) return true;
  const store = new Store(record.slice(0, record.lastIndexOf("/")));
  const status = look(store, id)?.status;
  return status !== undefined && status !== "exited" && status !== "created";
}

/** The containers that use each image, by the image's ID. */
export function usersOfImages(store: ImageStore): Map<string, ImageUsers> {
  const found = new Map<string, ImageUsers>();
  const { users } = lookAtContainers(store.path);
  if (!users.length) return found;
  const state = new Map(users.map((user) => [user, runs(user)]));
  for (const { id, digest } of store.images()) {
    const all = users.filter(({ blobs }) =>
      blobs.includes(digest) || blobs.includes(id)
    );
    if (!all.length) continue;
    found.set(id, {
      running: all.filter((user) => state.get(user)),
      stopped: all.filter((user) => !state.get(user)),
    });
  }
  return found;
}

const NO_USERS: ImageUsers = { running: [], stopped: [] };

/**
 * Refuses to remove the last name of an image, or the image by its ID, while
 * containers use it.
 *
 * With `force` a name goes all the same, and the image itself if no container of
 * it runs; what stopped containers need stays until they are removed.
 *
 * @returns whether the image itself has to stay, without a name
 * @throws {InUse}
 */
export function refuseUsed(
  store: ImageStore,
  { word, image, isId, force }: {
    word: string;
    image: StoredImage;
    isId: boolean;
    force: boolean;
  },
): { keep: boolean } {
  const { running, stopped } = usersOfImages(store).get(image.id) ?? NO_USERS;
  if (running.length && (isId || !force)) {
    throw new InUse(
      `Cannot remove the image ${word}: ${who(running, "running ")}`,
      {
        hint: isId || image.name === undefined
          ? "Stop and remove them first with container rm --force."
          : "Remove them first, or only the image's name with rmi --force.",
      },
    );
  }
  if (stopped.length && !force) {
    throw new InUse(
      `Cannot remove the image ${word}: ${who(stopped, "stopped ")}`,
      {
        hint:
          "Remove them first with container rm, or use rmi --force: then they keep what they need until they are removed.",
      },
    );
  }
  return { keep: running.length > 0 };
}

const who = (users: readonly StoreUser[], state: string) =>
  `${
    users.length === 1
      ? `a ${state}container uses it`
      : `${state}containers use it`
  }: ${shownUsers(users)}`;
