/** Several things at once, but not all. Pure. */

/**
 * Does something for each item, some at once, in their order. The first failure
 * ends the others. All have ended when this returns.
 *
 * @param act gets a signal that the failure of another aborts
 * @throws the first failure, or the reason of `signal`
 */
export async function atOnce<Item>(
  items: Iterable<Item>,
  most: number,
  act: (item: Item, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const either = signal
    ? AbortSignal.any([signal, failed.signal])
    : failed.signal;
  const errors: unknown[] = [];
  const queue = [...items].values();
  const worker = async () => {
    for (const item of queue) {
      if (either.aborted) return;
      try {
        await act(item, either);
      } catch (error) {
        errors.push(error);
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
  if (errors.length) throw errors[0];
  either.throwIfAborted();
}
