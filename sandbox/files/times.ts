/** Times of files as utimensat(2) takes them. Pure. */

/** Seconds and nanoseconds of both times; given in seconds or as dates. */
export function timesOf(
  atime: number | Date,
  mtime: number | Date,
): Uint8Array {
  const words = [atime, mtime].flatMap((time) => {
    const milliseconds = time instanceof Date ? time.getTime() : time * 1000;
    if (!Number.isFinite(milliseconds)) {
      throw new TypeError("Cannot use a time that is no number");
    }
    const seconds = Math.floor(milliseconds / 1000);
    const rest = Math.floor((milliseconds - seconds * 1000) * 1e6);
    return [BigInt(seconds), BigInt(rest)];
  });
  return new Uint8Array(new BigInt64Array(words).buffer);
}
