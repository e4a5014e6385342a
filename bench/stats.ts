/**
 * Order statistics for the bench: pure functions over samples, no clock and no
 * processes.
 *
 * Medians and quantiles carry the report, because one run disturbed by
 * something else on the machine moves a mean and leaves them where they were.
 */

/** What a list of samples comes to, in the unit of the samples. */
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

/** How two candidates compare over the rounds they share. */
export interface Ratio {
  /** Median divided by median. */
  ratio: number;
  /** Quantiles of the ratios taken round by round. */
  p10: number;
  p90: number;
}

/** The value below which the share `q` (0 to 1) of `values` lies, interpolated linearly. */
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

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Sums samples up. Throws when there are none. */
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
 * Compares two candidates measured in the same rounds; `null` marks a round
 * that failed. Returns null when they share no round.
 *
 * Pairing by round keeps the spread honest: drift of the machine that hit both
 * runs of a round cancels out.
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
 * The difference of the medians over the rounds that both have; null when there
 * are none.
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

/** `items` in a random order, as a new array. */
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
