/**
 * What lists show of each image, by the digest of its manifest. Everything in
 * it follows from blobs, whose content never changes. So the file saves time
 * only: a list of a thousand images reads two files, not two thousand.
 */

import { ContainerError } from "../../spec/errors.ts";
import { chainIds } from "../spec/digest.ts";
import { parseImageConfig } from "../spec/image_config.ts";
import { parseDocument, type Platform } from "../spec/types.ts";
import { readBlob } from "./blobs.ts";
import { replaceFile } from "./layout.ts";
import { isFull, layerDirectory, summariesFile, textOrNull } from "./places.ts";

/** What lists show of an image. */
export interface Summary {
  /** The ID of the image: the digest of its configuration. */
  id: string;
  platform: Platform;
  /** When it was made, RFC 3339. */
  created?: string;
  labels: Record<string, string>;
  /** The digests of its compressed layers. */
  blobs: string[];
  /** The chain IDs of its layers. */
  chains: string[];
  /** The bytes of all its unpacked layers. */
  size: number;
}

/** Summaries by the digest of the manifest. */
export type Summaries = Map<string, Summary>;

const FORMAT = 1;

const isSummary = (value: unknown): value is Summary =>
  typeof value === "object" && value !== null && "id" in value &&
  "blobs" in value && "chains" in value && "size" in value;

/** The file that was read last: most commands read it several times. */
let last: { text: string; summaries: Summaries } | undefined;

/**
 * Reads the summaries that are there, for the caller to change. A damaged file
 * counts as empty.
 */
export function readSummaries(store: string): Summaries {
  const text = textOrNull(summariesFile(store));
  if (text === null) return new Map();
  if (last?.text !== text) last = { text, summaries: parseSummaries(text) };
  return new Map(last.summaries);
}

function parseSummaries(text: string): Summaries {
  try {
    const value: unknown = JSON.parse(text);
    if (
      typeof value !== "object" || value === null || !("format" in value) ||
      value.format !== FORMAT || !("images" in value)
    ) return new Map();
    return new Map(
      Object.entries(value.images as object).filter((
        pair,
      ): pair is [string, Summary] => isSummary(pair[1])),
    );
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}

/** Writes the summaries; not on a full disk, because they can be made again. */
export function writeSummaries(store: string, summaries: Summaries): void {
  const images = Object.fromEntries(summaries);
  const text = JSON.stringify({ format: FORMAT, images });
  try {
    replaceFile(summariesFile(store), text, { sync: false });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/** The record next to an unpacked layer. */
export interface LayerRecord {
  /** The digest of the uncompressed layer. */
  diffId: string;
  /** The bytes of its files. */
  size: number;
  /** It hides all layers below it, which an overlay does not see by itself. */
  hidesAll?: true;
}

/** The record of an unpacked layer; null if the layer is not here. */
export function layerRecord(store: string, chain: string): LayerRecord | null {
  const text = textOrNull(`${layerDirectory(store, chain)}/layer.json`);
  return text === null ? null : JSON.parse(text) as LayerRecord;
}

/**
 * Makes the summary of an image from its blobs.
 *
 * @throws {ContainerError} if they are damaged or no image
 */
export function summarize(store: string, digest: string): Summary {
  const document = parseDocument(digest, readBlob(store, digest));
  if (document.kind === "index") {
    throw new ContainerError(`${digest} names several images`, {
      hint: "Another tool has put it into the store, and can remove it.",
    });
  }
  const { config, layers } = document.manifest;
  const { platform, created, config: { Labels }, diffIds } = parseImageConfig(
    digest,
    readBlob(store, config.digest),
  );
  const chains = chainIds(diffIds);
  return {
    id: config.digest,
    platform,
    ...created === undefined ? {} : { created },
    labels: Labels ?? {},
    blobs: layers.map(({ digest }) => digest),
    chains,
    size: chains.reduce(
      (sum, chain) => sum + (layerRecord(store, chain)?.size ?? 0),
      0,
    ),
  };
}
