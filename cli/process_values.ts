/**
 * Parses the values of the flags of `run` for devices, names, clocks and
 * Landlock. Every error names its flag. Pure: nothing is looked up here.
 */

import type { ContainerOptions } from "../containers/decide/options.ts";
import { HOST_GATEWAY } from "../containers/decide/etc_files.ts";
import { isAddress, isDomain } from "../spec/addresses.ts";
import { UsageError } from "../spec/errors.ts";
import type { TimeOffset } from "../spec/types.ts";

function address(flag: string, text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (isAddress(bare)) return bare;
  throw new UsageError(
    `${flag}: ${text || "the address"} is not an IP address`,
    "Use an address like 192.0.2.1 or 2001:db8::1.",
  );
}

/**
 * Parses `NAME:IP` or `NAME=IP`, a line of hosts(5), or `NAME:host-gateway`, the
 * host as the container reaches it.
 */
export function parseAddHost(text: string): { name: string; address: string } {
  const flag = `--add-host ${text}`;
  const [, name = "", to = ""] = text.match(/^([^:=]*)[:=](.*)$/s) ?? [];
  if (!name || !to) {
    throw new UsageError(
      `${flag}: not NAME:IP`,
      "Example: --add-host db:192.0.2.1.",
    );
  }
  if (!isDomain(name)) {
    throw new UsageError(`${flag}: ${name} is not a valid name`);
  }
  return { name, address: to === HOST_GATEWAY ? to : address(flag, to) };
}

/** Parses the value of `--dns`: the address of a name server. */
export const parseNameserver = (text: string): string =>
  address(`--dns ${text}`, text);

/**
 * Parses a value of `--dns-search` or `--dns-option`: one word of
 * resolv.conf(5).
 */
export function parseResolverWord(flag: string, text: string): string {
  if (isDomain(text)) return text;
  throw new UsageError(
    `--${flag} ${text}: expected a single word`,
    `Repeat the flag for each word.`,
  );
}

/**
 * Parses `--streams`: how streams that are files of the host reach the
 * container.
 */
export function parseStreams(
  text: string | undefined,
): ContainerOptions["streams"] {
  if (text === undefined || text === "relay" || text === "inherit") return text;
  throw new UsageError(
    `--streams ${text}: unknown mode`,
    "Use relay or inherit.",
  );
}

/** Parses `--domainname`: at most 64 bytes, setdomainname(2). */
export function parseDomainname(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > 0 && bytes <= 64 && !text.includes("\0")) return text;
  throw new UsageError(
    `--domainname ${text}: a domain name has 1 to 64 bytes`,
  );
}

/** Parses `CLOCK=SECONDS` values. */
export function parseTimeOffsets(
  texts: readonly string[],
): ContainerOptions["timeOffsets"] {
  const offsets: Partial<Record<string, TimeOffset>> = {};
  for (const text of texts) {
    const match = text.match(
      /^(monotonic|boottime)=([+-]?)(\d{1,10})(?:\.(\d{1,9}))?$/,
    );
    if (!match) {
      throw new UsageError(
        `--time-offset ${text}: not CLOCK=SECONDS`,
        "The clocks are monotonic and boottime: --time-offset boottime=86400.",
      );
    }
    const [, clock, sign, whole, part = ""] = match;
    offsets[clock!] = timeOffset(
      sign === "-",
      Number(whole),
      Number(part.padEnd(9, "0")),
    );
  }
  return texts.length ? offsets : undefined;
}

/** The kernel's nanoseconds count upwards, even for a negative offset. */
function timeOffset(
  negative: boolean,
  seconds: number,
  nanoseconds: number,
): TimeOffset {
  if (!negative) return { secs: seconds, nanosecs: nanoseconds };
  return nanoseconds
    ? { secs: -seconds - 1, nanosecs: 1e9 - nanoseconds }
    : { secs: seconds && -seconds, nanosecs: 0 };
}

/** Parses `linux` or `linux32`, as setarch(8). */
export function parsePersonality(
  text: string | undefined,
): ContainerOptions["personality"] {
  if (text === undefined) return undefined;
  const name = text.toUpperCase();
  if (name === "LINUX" || name === "LINUX32") return name;
  if (name === "LINUX64") return "LINUX";
  throw new UsageError(
    `--personality ${text}: not one of linux and linux32`,
    "With linux32, uname -m prints the name that 32-bit programs expect.",
  );
}

const MAX_PORT = 65535;

/**
 * Parses rules `ro=PATH`, `rw=PATH`, `exec=PATH`, `connect=PORT`, `bind=PORT`.
 * A comma can join several.
 */
export function parseLandlock(
  texts: readonly string[],
): ContainerOptions["landlock"] {
  if (!texts.length) return undefined;
  const rules: NonNullable<ContainerOptions["landlock"]> = {};
  // A path may contain a comma. It separates rules only if another rule
  // follows.
  const words = texts.flatMap((text) => text.split(/,(?=[a-z]+=)/));
  for (const word of words) {
    const flag = `--landlock ${word}`;
    const [, kind, value = ""] = word.match(/^([a-z]+)=(.+)$/s) ?? [];
    if (kind === "ro" || kind === "rw" || kind === "exec") {
      if (!value.startsWith("/")) {
        throw new UsageError(
          `${flag}: ${value} is not absolute`,
          "Use a path inside the container that begins with a slash.",
        );
      }
      (rules[kind] ??= []).push(value);
    } else if (kind === "connect" || kind === "bind") {
      const ports = rules[kind];
      rules[kind] = value === "any" || ports === "any"
        ? "any"
        : [...ports ?? [], parsePort(flag, value)];
    } else {
      throw new UsageError(
        `${flag}: not one of ro=PATH, rw=PATH, exec=PATH, connect=PORT and bind=PORT`,
        "Example: --landlock ro=/ --landlock rw=/tmp,connect=443.",
      );
    }
  }
  return rules;
}

function parsePort(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= MAX_PORT) return port;
  throw new UsageError(
    `${flag}: ${text} is not a port from 0 to ${MAX_PORT} or the word any`,
  );
}
