/** What is known of an image that a container uses. Only types. */

import type { LayeredFile } from "../../../images/layers/layered_file.ts";
import type { HealthCheck } from "../../../images/spec/image_config.ts";
import type { IdMapping } from "../../../spec/types.ts";

/** The map with which the layers of a store are unpacked. */
export interface StoreIds {
  /** User IDs. */
  uids: readonly IdMapping[];
  /** Group IDs. */
  gids: readonly IdMapping[];
}

/** An image of a store, whose layers are unpacked. */
export interface ImageRoot {
  /** Its name, for people. */
  name: string;
  /** The directory of the store. */
  store: string;
  /** The directories of its layers, the top first. */
  layers: readonly string[];
  /** The digests of everything that it needs in the store. */
  blobs: readonly string[];
  /** The chain IDs of its layers. */
  chains: readonly string[];
  /** The files of its layers on which decisions depend, if they are known. */
  files?: Readonly<Record<string, LayeredFile | null>>;
  /** What `inspect` shows of its configuration. */
  shown?: {
    /** Such as `80/tcp`. */
    ExposedPorts?: string[];
    /** How to find out whether the container is well. */
    Healthcheck?: HealthCheck;
  };
  /** What of it is not here: only for an explanation. */
  missing?: string;
  /** How many words of the command are those of --entrypoint, if it was given. */
  entrypoint?: number;
  /** The IDs of the host that the layers belong to; absent in root's store. */
  ids?: StoreIds;
}
