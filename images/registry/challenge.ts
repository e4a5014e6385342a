/** What a registry demands with status 401, RFC 9110 and RFC 6750. Pure. */

/** One challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  scheme: string;
  parameters: Record<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~\w]+/y;
const VALUE = /"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-./:^_`|~\w]+)/y;

/** Parses the header. What is not understood is left out. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const skip = () => take(/[\s,]*/y);
  for (skip(); at < header.length; skip()) {
    const scheme = take(TOKEN)?.[0];
    if (scheme === undefined) break;
    const parameters: Record<string, string> = {};
    for (;;) {
      const before = at;
      skip();
      const name = take(TOKEN)?.[0];
      if (name === undefined || !take(/\s*=\s*/y)) {
        // The next challenge begins here.
        at = before;
        break;
      }
      const value = take(VALUE);
      if (!value) break;
      parameters[name.toLowerCase()] = value[1]?.replace(/\\(.)/g, "$1") ??
        value[2]!;
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
  return challenges;
}
