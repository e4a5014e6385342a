/**
 * Waiting in the middle of a clean-up. Runs on the host.
 *
 * @module
 */

/** Sleeps synchronously: the clean-up has to be complete when it returns. */
export function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
