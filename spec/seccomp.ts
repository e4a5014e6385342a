/**
 * The types of OCI's `linux.seccomp`, and the reader of profiles in OCI's form or
 * in docker's, whose rules depend on capabilities, architecture and kernel.
 */

import { SpecError } from "./errors.ts";

/** The action for a call. */
export type SeccompAction = (typeof SECCOMP_ACTIONS)[number];

export const SECCOMP_ACTIONS = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;

/** How an argument is compared. */
export type SeccompOperator = (typeof SECCOMP_OPERATORS)[number];

export const SECCOMP_OPERATORS = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;

/** A flag of seccomp(2). */
export type SeccompFlag = (typeof SECCOMP_FLAGS)[number];

export const SECCOMP_FLAGS = [
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
] as const;

/** A condition on one argument of a call. */
export interface SeccompArg {
  index: number;
  /** A bigint if a number would lose digits. */
  value: number | bigint;
  /** For SCMP_CMP_MASKED_EQ, where `value` is the mask. */
  valueTwo?: number | bigint;
  op: SeccompOperator;
}

/** The action for some calls if all conditions in `args` are true. */
export interface SeccompRule {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: SeccompArg[];
}

/** `linux.seccomp` of config.json. */
export interface SeccompProfile {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  /** In addition to the machine's own, such as `SCMP_ARCH_X86`. */
  architectures?: string[];
  flags?: SeccompFlag[];
  syscalls: SeccompRule[];
}

/** What the conditional rules of a docker profile depend on. */
export interface SeccompHost {
  /** The container's bounding set, with names such as `CAP_SYS_ADMIN`. */
  caps: readonly string[];
  arch: "x86_64" | "aarch64";
  kernel: readonly [major: number, minor: number];
}

/** How {@linkcode parseSeccomp} reads. */
export interface SeccompReading {
  /** OCI requires "ignore" for config.json. Elsewhere a typo could widen a rule. */
  unknownProperties?: "refuse" | "ignore";
  /** Whether an agent answers SCMP_ACT_NOTIFY. */
  agent?: boolean;
}

const DOCKER_ARCH = { x86_64: "amd64", aarch64: "arm64" } as const;
const OCI_ARCH = {
  x86_64: "SCMP_ARCH_X86_64",
  aarch64: "SCMP_ARCH_AARCH64",
} as const;
const MAX_ARGS = 6;
const MAX_ERRNO = 4095;
const MAX_DATA = 0xffff;

type Fields = Record<string, unknown>;

function fail(place: string, problem: string, hint?: string): never {
  throw new SpecError(`Cannot read the seccomp profile: ${place}: ${problem}`, {
    hint,
  });
}

/** Reads the text of a profile. Numbers above 2^53 keep their digits. */
export function parseSeccompText(
  text: string,
  host: SeccompHost,
  reading?: SeccompReading,
): SeccompProfile {
  // TypeScript's library lacks the third parameter.
  const exact = (_: string, value: unknown, context?: { source?: string }) => {
    const digits = Number.isSafeInteger(value) ? undefined : context?.source;
    return /^\d+$/.test(digits ?? "") ? BigInt(digits!) : value;
  };
  let json: unknown;
  try {
    json = JSON.parse(text, exact);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SpecError(
      `Cannot read the seccomp profile: it is not JSON: ${message}`,
      { cause },
    );
  }
  return parseSeccomp(json, host, reading);
}

/** Checks a profile in OCI's or docker's form and returns it in OCI's. */
export function parseSeccomp(
  json: unknown,
  host: SeccompHost,
  { unknownProperties = "refuse", agent = false }: SeccompReading = {},
): SeccompProfile {
  const open = (value: unknown, place: string, known: string): Fields => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      fail(place, "expected an object");
    }
    const fields = value as Fields;
    if (unknownProperties === "ignore") return fields;
    const names = known.split(" ");
    for (const name of Object.keys(fields)) {
      if (!names.includes(name)) {
        fail(
          place === TOP ? name : `${place}.${name}`,
          "unknown property",
          `The known properties are ${names.join(", ")}.`,
        );
      }
    }
    return fields;
  };
  const fields = open(json, TOP, PROFILE_PROPERTIES);
  const defaultAction = actionIn(fields, "defaultAction");
  const profile: SeccompProfile = { defaultAction, syscalls: [] };
  const errno = errnoIn(fields, "defaultErrnoRet", "", defaultAction);
  if (errno !== undefined) profile.defaultErrnoRet = errno;
  const architectures = architecturesIn(fields, host, open);
  if (architectures) profile.architectures = architectures;
  const flags = stringsIn(fields, "flags", "");
  if (flags) {
    profile.flags = flags.map((flag, index) =>
      oneOf(SECCOMP_FLAGS, flag, `flags[${index}]`)
    );
  }
  (listIn(fields, "syscalls", "") ?? []).forEach((value, index) => {
    const place = `syscalls[${index}]`;
    const rule = open(value, place, RULE_PROPERTIES);
    const parsed = parseRule(rule, place, open);
    if (applies(rule, place, host, open)) profile.syscalls.push(...parsed);
  });
  if (!agent && notifies(profile)) {
    fail(TOP, "SCMP_ACT_NOTIFY needs an agent", AGENT);
  }
  return profile;
}

/** Whether the profile leaves any call to an agent. */
export const notifies = ({ defaultAction, syscalls }: SeccompProfile) =>
  [defaultAction, ...syscalls.map(({ action }) => action)]
    .includes("SCMP_ACT_NOTIFY");

const AGENT =
  "Only the config.json of a bundle can name the agent's socket (listenerPath).";
const TOP = "the top level";
const PROFILE_PROPERTIES =
  "defaultAction defaultErrnoRet defaultErrno architectures archMap flags listenerPath listenerMetadata syscalls";
const RULE_PROPERTIES =
  "names name action errnoRet errno args comment includes excludes";

type Open = (value: unknown, place: string, known: string) => Fields;

const at = (place: string, name: string) => place ? `${place}.${name}` : name;

function listIn(fields: Fields, name: string, place: string) {
  const value = fields[name] ?? undefined;
  if (value === undefined || Array.isArray(value)) return value;
  fail(at(place, name), "expected an array");
}

function stringsIn(fields: Fields, name: string, place: string) {
  return listIn(fields, name, place)?.map((value: unknown, index): string =>
    typeof value === "string" && value
      ? value
      : fail(`${at(place, name)}[${index}]`, "expected a name")
  );
}

function oneOf<T extends string>(
  known: readonly T[],
  value: unknown,
  place: string,
): T {
  if (known.includes(value as T)) return value as T;
  fail(
    place,
    value === undefined || value === null
      ? "missing"
      : `unknown value ${JSON.stringify(value)}`,
    `The known values are ${known.join(", ")}.`,
  );
}

function actionIn(fields: Fields, name: string, place = ""): SeccompAction {
  return oneOf(SECCOMP_ACTIONS, fields[name], at(place, name));
}

function errnoIn(
  fields: Fields,
  name: string,
  place: string,
  action: SeccompAction,
): number | undefined {
  // Podman's profiles also name the errno, but the number counts.
  const word = fields[name.replace(/Ret$/, "")] ?? undefined;
  const value = fields[name] ?? undefined;
  if (value === undefined) {
    return word === undefined
      ? undefined
      : fail(at(place, name), "missing, but the name of the errno is present");
  }
  const max = action === "SCMP_ACT_ERRNO"
    ? MAX_ERRNO
    : action === "SCMP_ACT_TRACE"
    ? MAX_DATA
    : fail(at(place, name), `${action} does not take an errno`);
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > max) {
    fail(at(place, name), `expected a number from 0 to ${max}`);
  }
  return value as number;
}

function architecturesIn(
  fields: Fields,
  host: SeccompHost,
  open: Open,
): string[] | undefined {
  const architectures = architectureNames(fields, "architectures", "");
  const map = listIn(fields, "archMap", "");
  if (architectures?.length && map?.length) {
    fail("archMap", "cannot be used together with architectures");
  }
  if (!map?.length) return architectures;
  const entries = map.map((value, index) => {
    const place = `archMap[${index}]`;
    const entry = open(value, place, "architecture subArchitectures");
    const name = entry.architecture;
    if (typeof name !== "string") {
      fail(`${place}.architecture`, "expected a name");
    }
    checkArchitecture(name, `${place}.architecture`);
    const subs = architectureNames(entry, "subArchitectures", place) ?? [];
    return { name, subs };
  });
  const own = entries.find(({ name }) => name === OCI_ARCH[host.arch]);
  return own && [own.name, ...own.subs];
}

function architectureNames(fields: Fields, name: string, place: string) {
  const names = stringsIn(fields, name, place);
  names?.forEach((value, index) =>
    checkArchitecture(value, `${at(place, name)}[${index}]`)
  );
  return names;
}

function checkArchitecture(name: string, place: string): void {
  if (!/^SCMP_ARCH_[A-Z0-9_]+$/.test(name)) {
    fail(
      place,
      `unknown value ${JSON.stringify(name)}`,
      "Use a name like SCMP_ARCH_X86_64.",
    );
  }
}

/** Parses a rule of the profile into one rule or, as runc and crun do, several. */
function parseRule(rule: Fields, place: string, open: Open): SeccompRule[] {
  const many = stringsIn(rule, "names", place);
  const one = rule.name ?? undefined;
  if (many?.length && one !== undefined) {
    fail(`${place}.name`, "cannot be used together with names");
  }
  if (one !== undefined && (typeof one !== "string" || !one)) {
    fail(`${place}.name`, "expected a name");
  }
  const names = one === undefined ? many : [one as string];
  if (!names?.length) {
    fail(`${place}.names`, "expected the name of a system call");
  }
  const action = actionIn(rule, "action", place);
  const errnoRet = errnoIn(rule, "errnoRet", place, action);
  const base: SeccompRule = {
    names,
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
  };
  const args = (listIn(rule, "args", place) ?? []).map((value, index) =>
    parseArg(value, `${place}.args[${index}]`, open)
  );
  if (!args.length) return [base];
  // As with runc and crun, two conditions on one argument are alternatives, for
  // which profiles are written: libseccomp cannot join them.
  const indices = new Set(args.map(({ index }) => index));
  return indices.size < args.length
    ? args.map((arg) => ({ ...base, args: [arg] }))
    : [{ ...base, args }];
}

function parseArg(value: unknown, place: string, open: Open): SeccompArg {
  const fields = open(value, place, "index value valueTwo op");
  const index = fields.index;
  if (
    typeof index !== "number" || !Number.isInteger(index) || index < 0 ||
    index >= MAX_ARGS
  ) {
    fail(`${place}.index`, `expected a number from 0 to ${MAX_ARGS - 1}`);
  }
  const arg: SeccompArg = {
    index,
    value: wordIn(fields.value, `${place}.value`),
    op: oneOf(SECCOMP_OPERATORS, fields.op, `${place}.op`),
  };
  if (fields.valueTwo !== undefined && fields.valueTwo !== null) {
    arg.valueTwo = wordIn(fields.valueTwo, `${place}.valueTwo`);
  }
  return arg;
}

function wordIn(value: unknown, place: string): number | bigint {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) {
    return value;
  }
  if (typeof value === "bigint" && value >= 0n && value < 1n << 64n) {
    return value;
  }
  fail(place, "expected a whole number from 0 to 2^64 - 1");
}

/** Whether docker's `includes` and `excludes` make a rule apply on this host. */
function applies(
  rule: Fields,
  place: string,
  host: SeccompHost,
  open: Open,
): boolean {
  const filter = (name: "includes" | "excludes") => {
    const where = `${place}.${name}`;
    const fields = open(rule[name] ?? {}, where, "caps arches minKernel");
    const caps = stringsIn(fields, "caps", where) ?? [];
    const arches = stringsIn(fields, "arches", where) ?? [];
    const kernel = kernelIn(fields.minKernel, `${where}.minKernel`);
    return {
      caps: caps.map((cap) => host.caps.includes(cap)),
      arch: arches.length ? arches.includes(DOCKER_ARCH[host.arch]) : undefined,
      kernel: kernel && (host.kernel[0] > kernel[0] ||
        host.kernel[0] === kernel[0] && host.kernel[1] >= kernel[1]),
    };
  };
  const includes = filter("includes");
  const excludes = filter("excludes");
  return includes.caps.every(Boolean) && includes.arch !== false &&
    includes.kernel !== false && !excludes.caps.some(Boolean) &&
    !excludes.arch && !excludes.kernel;
}

function kernelIn(
  value: unknown,
  place: string,
): [number, number] | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(String(value)) ?? [];
  if (typeof value !== "string" || !major || !minor) {
    fail(place, 'expected a version like "4.8"');
  }
  return [Number(major), Number(minor)];
}
