/** Runs several tasks at a time. */
export async function pooled<T>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const ends = await Promise.allSettled(
    Array.from({ length: size }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) {
        await work(item);
      }
    }),
  );
  // All have ended before an error is thrown, so none is left running.
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
