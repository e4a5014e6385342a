/**
 * Puts the files of a tar file, compressed or not, into a directory. Runs on the
 * host, in the command's process.
 */

import { decompress } from "../decompress/decompress.ts";
import { ContainerError } from "../../spec/errors.ts";
import { ArchiveError, quoted } from "../tar/errors.ts";
import { TarReader } from "../tar/tar_reader.ts";
import { CopyIn, type CopyInOptions } from "./copy_in.ts";

/** A tar file that this program writes: neither compressed nor damaged. */
export function extractOwn(
  archive: Iterable<Uint8Array>,
  options: CopyInOptions,
): void {
  using copy = new CopyIn(options);
  const reader = new TarReader(copy);
  for (const chunk of archive) reader.push(chunk);
  reader.finish();
  copy.finish();
}

/**
 * A tar file of somebody else.
 *
 * @throws {ContainerError} if it is damaged, or a file cannot be written
 */
export async function extract(
  archive: AsyncIterable<Uint8Array>,
  options: CopyInOptions,
): Promise<void> {
  using copy = new CopyIn(options);
  const reader = new TarReader(copy);
  try {
    await decompress(archive, (bytes) => reader.push(bytes));
    reader.finish();
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const { fault, after } = error;
    throw new ContainerError(
      `Cannot read the archive${
        after === undefined ? "" : ` after the entry ${quoted(after)}`
      }: ${fault}`,
      { hint: "Write it again with tar.", cause: error },
    );
  }
  copy.finish();
}
