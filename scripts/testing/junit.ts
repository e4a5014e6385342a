/**
 * How many tests passed, from the report that `deno test --junit-path` writes.
 *
 * @module
 */

/** What became of some tests. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** The sum of tallies. */
export function sum(tallies: readonly Tally[]): Tally {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of tallies) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/** A tally in words; skips only where there are any. */
export function describe({ passed, failed, skipped }: Tally): string {
  const text = `${passed} passed, ${failed} failed`;
  return skipped ? `${text}, ${skipped} skipped` : text;
}

/**
 * Counts the test cases of a report; a step counts as one. A run that failed
 * has at least one failure, whether or not its report came to be or shows it
 * (an error at the top of a module is in none).
 *
 * @param xml The report, null where the run left none.
 * @param success Whether the run ended with status 0.
 */
export function tally(xml: string | null, success: boolean): Tally {
  const count = { passed: 0, failed: 0, skipped: 0 };
  const complete = xml !== null && /<\/testsuites>\s*$/.test(xml);
  const cases = xml?.replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, "")
    .matchAll(/<testcase\b[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g) ?? [];
  for (const [, body = ""] of cases) {
    if (/<(failure|error)\b/.test(body)) count.failed++;
    else if (/<skipped\b/.test(body)) count.skipped++;
    else count.passed++;
  }
  if (count.failed === 0 && !(complete && success)) count.failed = 1;
  return count;
}
