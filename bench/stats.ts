/**
 * Statistics for the bench: pure functions of samples.
 *
 * The report uses medians and quantiles, because a single run that is disturbed
 * by other work changes a mean but hardly changes them.
 */

/** The summary of a list of samples, in their unit. */
export interface Summary {
  count: number;
  min: number;
  p10: number;
  median: number;
  p90: number;
  max: number;
  mean: number;
  /** Sample standard deviation (n − 1); 0 for a single sample. */
  standardDeviation: number;
  /** Median absolute deviation from the median, unscaled. */
  mad: number;
}

/** The comparison of two candidates over their common rounds. */
export interface Ratio {
  /** Median divided by median. */
  ratio: number;
  /** Quantiles of the ratios of single rounds. */
  p10: number;
  p90: number;
}

/**
 * The value below which the fraction `q` (0 to 1) of `values` lies,
 * interpolated linearly.
 */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) {
    throw new RangeError("Cannot take a quantile: there are no samples");
  }
  if (!(q >= 0 && q <= 1)) {
    throw new RangeError(`Cannot take a quantile: ${q} is not between 0 and 1`);
  }
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/** The middle value, or the mean of the two middle values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Summarizes samples. Throws if there are none. */
export function summarize(values: readonly number[]): Summary {
  const middle = median(values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    count: values.length,
    min: quantile(values, 0),
    p10: quantile(values, 0.1),
    median: middle,
    p90: quantile(values, 0.9),
    max: quantile(values, 1),
    mean,
    standardDeviation: values.length > 1
      ? Math.sqrt(squares / (values.length - 1))
      : 0,
    mad: median(values.map((value) => Math.abs(value - middle))),
  };
}

/**
 * Compares two candidates that were measured in the same rounds; `null` marks a
 * failed round. Returns null if they have no common round.
 *
 * Ratios are taken within a round, so that a change of the machine's speed that
 * affects both runs of a round cancels out.
 */
export function compare(
  numerator: readonly (number | null)[],
  denominator: readonly (number | null)[],
): Ratio | null {
  const above: number[] = [];
  const below: number[] = [];
  for (const [round, value] of numerator.entries()) {
    const other = denominator[round];
    if (value === null || other === null || other === undefined) continue;
    if (other <= 0) continue;
    above.push(value);
    below.push(other);
  }
  if (above.length === 0) return null;
  const paired = above.map((value, index) => value / below[index]!);
  return {
    ratio: median(above) / median(below),
    p10: quantile(paired, 0.1),
    p90: quantile(paired, 0.9),
  };
}

/**
 * The difference of the medians over the common rounds; null if there are none.
 */
export function difference(
  minuend: readonly (number | null)[],
  subtrahend: readonly (number | null)[],
): number | null {
  const rounds = minuend.flatMap((more, round) => {
    const less = subtrahend[round];
    return more === null || less === null || less === undefined
      ? []
      : [{ more, less }];
  });
  if (rounds.length === 0) return null;
  return median(rounds.map(({ more }) => more)) -
    median(rounds.map(({ less }) => less));
}

/** A new array with the items in random order. */
export function shuffled<T>(
  items: readonly T[],
  random: () => number = Math.random,
): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
