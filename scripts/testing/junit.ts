/**
 * Counts tests in the report of `deno test --junit-path`.
 *
 * @module
 */

/** How many tests had each outcome. */
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

/** A tally in words. Skipped tests are mentioned only if there are any. */
export function describe({ passed, failed, skipped }: Tally): string {
  const text = `${passed} passed, ${failed} failed`;
  return skipped ? `${text}, ${skipped} skipped` : text;
}

/**
 * Counts the test cases of a report. A step counts as a test case. A failed run
 * always has at least one failure, even if there is no report or it does not
 * show the failure (for example an error at the top level of a module).
 *
 * @param xml The report; null if the run wrote none.
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

/**
 * Counts by the last line of `deno test`, for a run in another machine, which
 * leaves no report.
 */
export function tallyOfText(text: string, success: boolean): Tally {
  const line = text.match(
    /\| (\d+) passed[^|\n]*\| (\d+) failed(?:[^|\n]*\| (\d+) ignored)?/,
  );
  const count = {
    passed: Number(line?.[1] ?? 0),
    failed: Number(line?.[2] ?? 0),
    skipped: Number(line?.[3] ?? 0),
  };
  if (count.failed === 0 && !(line && success)) count.failed = 1;
  return count;
}
