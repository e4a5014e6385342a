/** Formats and writes entries of a log. */

import { ERRNO, errnoName, errnoText } from "../../ffi/errno.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, waitForOne, writeInBackground } from "../../ffi/poll.ts";
import type { LogEntry } from "../../containers/daily/log_entry.ts";
import { ContainerError } from "../../spec/errors.ts";
import { ClosedReader } from "../output.ts";

/** Bytes to write, and the stream for them. */
export interface Shown {
  to: "stdout" | "stderr";
  bytes: Uint8Array;
}

const LF = 0x0a;
const encoder = new TextEncoder();
const FD = { stdout: 1, stderr: 2 } as const;

/**
 * Returns a function that formats entries for the streams they were written to.
 */
export function shower(
  timestamps: boolean,
): (entries: readonly LogEntry[]) => Shown[] {
  const begun = { stdout: false, stderr: false };
  return (entries) => {
    const shown: { to: Shown["to"]; parts: Uint8Array[] }[] = [];
    for (const { time, stream, ended, text } of entries) {
      const own = stream === "keeper";
      const to = stream === "stdout" ? "stdout" : "stderr";
      if (shown.at(-1)?.to !== to) shown.push({ to, parts: [] });
      const { parts } = shown.at(-1)!;
      if (own) parts.push(encoder.encode("container: "));
      else if (timestamps && !begun[to]) parts.push(encoder.encode(`${time} `));
      if (!own) begun[to] = !ended;
      parts.push(text);
      if (ended) parts.push(Uint8Array.of(LF));
    }
    return shown.map(({ to, parts }) => ({ to, bytes: joined(parts) }));
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Writes without blocking this thread: input and signals are still handled
 * while nobody reads the output.
 */
export async function writeShown({ to, bytes }: Shown): Promise<void> {
  const fd = FD[to];
  for (let rest = bytes; rest.length;) {
    let count = await writeInBackground(fd, rest);
    // The background thread cannot report the errno, so try again here.
    if (count < 0) count = rawSyscall("write", fd, rest, rest.length);
    if (count > 0) rest = rest.subarray(count);
    else if (count === -ERRNO.EAGAIN) await waitForOne(fd, POLL.POLLOUT);
    else if (count === -ERRNO.EPIPE || count === -ERRNO.EIO) {
      throw new ClosedReader();
    } else if (count !== -ERRNO.EINTR) {
      throw new ContainerError(
        `Cannot write to standard ${to === "stdout" ? "output" : "error"}: ${
          errnoText(errnoName(-count))
        }`,
        { hint: "The container continues to run." },
      );
    }
  }
}
