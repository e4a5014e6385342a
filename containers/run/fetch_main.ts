/**
 * Fetches an image for a user's program, or unpacks one. It is a program of its
 * own, and runs as root of the user namespace of the user's store: only there
 * the files of an image can get their owners. SIGTERM ends it; nothing stays.
 */

import { unpackHere } from "../../images/image_here.ts";
import { MOST_UNPACKED, pullInto } from "../../images/library.ts";
import { RegistryError } from "../../images/registry/errors.ts";
import { ImageStore, missing } from "../../images/store/store.ts";
import { UNPACKER } from "../../images/unpacker.ts";
import { ContainerError } from "../../spec/errors.ts";
import { parseSize } from "../../spec/resource_flags.ts";
import type { FetchLine, FetchRequest } from "./fetch_request.ts";

const encoder = new TextEncoder();

/** One line is one write: the reader sees no half of it for long. */
function say(line: FetchLine): void {
  const bytes = encoder.encode(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

async function carryOut(signal: AbortSignal): Promise<string> {
  const request: FetchRequest = await new Response(Deno.stdin.readable).json();
  const { name, unpack, options } = request;
  const store = ImageStore.open(request.store);
  if (unpack === undefined) {
    const image = await pullInto(store, name, {
      ...options,
      signal,
      onProgress: (progress) => say({ progress }),
    });
    return image.digest;
  }
  const image = store.images().find(({ digest }) => digest === unpack);
  if (!image) throw missing(name);
  await unpackHere(store, image, {
    unpacker: UNPACKER,
    maxUnpacked: parseSize("max-unpacked", MOST_UNPACKED),
    signal,
  });
  return unpack;
}

if (import.meta.main) {
  const controller = new AbortController();
  const end = () => controller.abort();
  Deno.addSignalListener("SIGTERM", end);
  try {
    say({ digest: await carryOut(controller.signal) });
  } catch (error) {
    const { name, message } = error instanceof Error
      ? error
      : new Error(String(error));
    say({
      error: {
        name,
        message,
        ...error instanceof ContainerError ? { hint: error.hint } : {},
        ...error instanceof RegistryError ? { code: error.code } : {},
      },
    });
  } finally {
    // Otherwise the process would wait for it.
    Deno.removeSignalListener("SIGTERM", end);
  }
}
