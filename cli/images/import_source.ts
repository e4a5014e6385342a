/** Where `container import` reads from: a file, standard input, or a URL. */

import { ContainerError, systemReason } from "../../spec/errors.ts";

/** As docker: only these names are URLs. */
const URL_START = /^https?:\/\//;

/**
 * The bytes of a file, of standard input (`-`), or of a URL.
 *
 * @throws {ContainerError} while it is read
 */
export async function* readAt(source: string): AsyncGenerator<Uint8Array> {
  const fail = (cause: unknown) =>
    new ContainerError(`Cannot read ${source}: ${systemReason(cause)}`, {
      hint: "Check the name.",
      cause,
    });
  let stream: ReadableStream<Uint8Array>;
  try {
    stream = source === "-"
      ? Deno.stdin.readable
      : URL_START.test(source)
      ? await fetched(source)
      : (await openFile(source)).readable;
  } catch (error) {
    throw error instanceof ContainerError ? error : fail(error);
  }
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw fail(error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function openFile(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path);
  if (!(await file.stat()).isDirectory) return file;
  file.close();
  throw new ContainerError(`Cannot read ${path}: it is a directory`, {
    hint: `tar -C ${path} -c . | container import - makes an image of it.`,
  });
}

async function fetched(url: string): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(url);
  if (response.ok && response.body) return response.body;
  await response.body?.cancel();
  throw new ContainerError(
    `Cannot read ${url}: the server answers with status ${response.status}`,
    { hint: "Check the URL." },
  );
}
