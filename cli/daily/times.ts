/** Parses the times of `--since` and `--until`. Pure. */

import { UsageError } from "../../spec/errors.ts";

const UNIT: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Parses a time: RFC 3339 (local time without a zone), seconds since 1970, or a
 * duration before now: `10m`, `1h30m`. Returns RFC 3339 in UTC, with nine
 * digits.
 *
 * @throws {UsageError}
 */
export function moment(flag: string, text: string, now = Date.now()): string {
  const at = milliseconds(text, now);
  if (Number.isNaN(at)) {
    throw new UsageError(
      `--${flag} ${text}: not a time`,
      "Use a time like 2026-01-31T12:00:00Z, seconds since 1970, or a duration like 10m for 10 minutes ago.",
    );
  }
  return new Date(at).toISOString().replace("Z", "000000Z");
}

function milliseconds(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) {
    const parts = text.matchAll(/([\d.]+)(ms|[smhd])/g);
    return now - [...parts].reduce(
      (sum, [, count, unit]) => sum + Number(count) * UNIT[unit!]!,
      0,
    );
  }
  return /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
}
