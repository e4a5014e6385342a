/**
 * The schema of config.json: for each object a table of the readers of its
 * members. `linux` has a file of its own. Rules between several members are in
 * spec/check_config.ts.
 */

import { CAPABILITIES, RLIMITS } from "./names.ts";
import {
  absolutePath,
  anyPath,
  boolean,
  checked,
  FAULTY,
  list,
  matching,
  object,
  oneOf,
  otherwise,
  type Reader,
  record,
  repeated,
  required,
  shown,
  string,
  unlessEmpty,
} from "./reader.ts";
import {
  accountId,
  int32,
  integer,
  uint16,
  uint64,
  word64,
} from "./reader_numbers.ts";
import { idMapping, linux } from "./schema_linux.ts";
import { numberList } from "./schema_resources.ts";
import type {
  Capabilities,
  Hook,
  Hooks,
  Mount,
  Process,
  Rlimit,
  Root,
  Spec,
  User,
} from "./types.ts";
import type {
  ExecCPUAffinity,
  IOPriority,
  Scheduler,
} from "./types_process.ts";

/** Reads a version in the form of semver.org, such as the specification's own. */
const version: Reader<string> = (value, place) => {
  const text = string(value, place);
  if (text === FAULTY) return text;
  const major = text.match(/^(\d+)\.\d+\.\d+(-[\w.-]+)?(\+[\w.-]+)?$/)?.[1];
  if (major === undefined) {
    return place.expected("a version such as 1.3.0", value);
  }
  return major === "1" ? text : place.fault(
    `version ${text} is not supported: this program supports 1.x`,
  );
};

/** Reads capabilities. By the specification, an unknown one is a warning, not a fault. */
const capabilityNames: Reader<string[]> = (value, place) => {
  const names = list(string)(value, place);
  if (names === FAULTY) return names;
  return names.filter((name, index) => {
    const known = (CAPABILITIES as readonly string[]).includes(name);
    if (!known) {
      place.at(index).warn(`unknown capability ${shown(name)} is ignored`);
    }
    return known;
  });
};

const capabilities = object<Capabilities>({
  bounding: capabilityNames,
  effective: capabilityNames,
  inheritable: capabilityNames,
  permitted: capabilityNames,
  ambient: capabilityNames,
});

const user = object<User>({
  // Programs in Go leave out a 0.
  uid: otherwise(accountId, () => 0),
  gid: otherwise(accountId, () => 0),
  additionalGids: list(accountId),
  umask: integer(0, 0o777),
});

/** Reads a limit; the highest number means no limit. */
const limit: Reader<number | bigint> = (value, place) => {
  const amount = word64(value, place);
  return amount === (1n << 64n) - 1n ? -1 : amount;
};

const above = (soft: number | bigint, hard: number | bigint) =>
  hard !== -1 && (soft === -1 || soft > hard);

const rlimits: Reader<Rlimit[]> = checked(
  list(checked(
    object<Rlimit>({
      type: required(oneOf(RLIMITS)),
      soft: required(limit),
      hard: required(limit),
    }),
    ({ soft, hard }, place) => {
      if (above(soft, hard)) {
        place.fault("the soft limit is higher than the hard limit");
      }
    },
  )),
  (limits, place) => {
    const types = limits.map(({ type }) => type);
    for (const index of repeated(types)) {
      place.at(index).at("type").fault(
        `${types[index]} occurs twice: remove one`,
      );
    }
  },
);

const scheduler: Reader<Scheduler> = checked(
  object<Scheduler>({
    policy: required(oneOf([
      "SCHED_OTHER",
      "SCHED_FIFO",
      "SCHED_RR",
      "SCHED_BATCH",
      "SCHED_ISO",
      "SCHED_IDLE",
      "SCHED_DEADLINE",
    ])),
    nice: integer(-20, 19),
    priority: int32,
    flags: list(oneOf([
      "SCHED_FLAG_RESET_ON_FORK",
      "SCHED_FLAG_RECLAIM",
      "SCHED_FLAG_DL_OVERRUN",
      "SCHED_FLAG_KEEP_POLICY",
      "SCHED_FLAG_KEEP_PARAMS",
      "SCHED_FLAG_UTIL_CLAMP_MIN",
      "SCHED_FLAG_UTIL_CLAMP_MAX",
    ])),
    runtime: uint64,
    deadline: uint64,
    period: uint64,
  }),
  ({ policy, priority, runtime, deadline, period }, place) => {
    if (priority && policy !== "SCHED_FIFO" && policy !== "SCHED_RR") {
      place.at("priority").fault(`${policy} does not have one`);
    }
    if ((runtime || deadline || period) && policy !== "SCHED_DEADLINE") {
      place.fault(`${policy} does not have a runtime, deadline and period`);
    }
  },
);

const command: Reader<string[]> = checked(list(string), (args, place) => {
  if (args[0]) return;
  place.fault("is empty: there is no command to run");
});

/** A process as in OCI, without the two members that only `run` sets. */
export type WrittenProcess = Omit<Process, "scheduling" | "preserve">;

/** `process`. */
export const process: Reader<WrittenProcess> = checked(
  object<WrittenProcess>({
    terminal: boolean,
    consoleSize: object<{ height: number; width: number }>({
      height: required(uint16),
      width: required(uint16),
    }),
    user: otherwise(user, () => ({ uid: 0, gid: 0 })),
    args: required(command),
    env: otherwise(list(string), () => []),
    cwd: required(absolutePath),
    capabilities,
    noNewPrivileges: boolean,
    rlimits,
    oomScoreAdj: integer(-1000, 1000),
    apparmorProfile: unlessEmpty(string),
    selinuxLabel: unlessEmpty(string),
    ioPriority: object<IOPriority>({
      class: required(oneOf([
        "IOPRIO_CLASS_RT",
        "IOPRIO_CLASS_BE",
        "IOPRIO_CLASS_IDLE",
      ])),
      priority: otherwise(integer(0, 7), () => 0),
    }),
    scheduler,
    execCPUAffinity: object<ExecCPUAffinity>({
      initial: unlessEmpty(numberList),
      final: unlessEmpty(numberList),
    }),
  }),
  (value) => {
    // By the specification it is ignored, so engines may leave it in.
    if (!value.terminal) delete value.consoleSize;
  },
);

const root = object<Root>({ path: required(anyPath), readonly: boolean });

/** Reads a destination. A relative one starts at the root and is deprecated. */
const mountPlace: Reader<string> = (value, place) => {
  const path = anyPath(value, place);
  if (path === FAULTY) return path;
  const clean = cleaned(`/${path}`);
  // No process would see such a mount.
  if (clean === "/") return place.fault("the root filesystem is at /");
  if (!path.startsWith("/")) {
    place.warn(
      `${shown(path)} is relative, which is deprecated: /${path} is used`,
    );
  }
  return clean;
};

/** Turns `/dev/` and `/x/../dev` into `/dev`, as runc does. */
function cleaned(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

const mount: Reader<Mount> = checked(
  object<Mount>({
    destination: required(mountPlace),
    type: unlessEmpty(string),
    source: unlessEmpty(string),
    options: list(string),
    uidMappings: list(idMapping),
    gidMappings: list(idMapping),
  }),
  ({ uidMappings, gidMappings }, place) => {
    if (!uidMappings?.length === !gidMappings?.length) return;
    place.fault("needs both uidMappings and gidMappings, or neither");
  },
);

const hooks = list(object<Hook>({
  path: required(absolutePath),
  args: list(string),
  env: list(string),
  timeout: integer(1, Number.MAX_SAFE_INTEGER),
}));

/** Reads a name of at most 64 bytes, the limit of the kernel. */
const name64: Reader<string> = (value, place) => {
  const text = string(value, place);
  return text !== FAULTY && new TextEncoder().encode(text).length > 64
    ? place.fault("is longer than 64 bytes")
    : text;
};

/** Reads any text: annotations are only kept for the programs that wrote them. */
const annotation: Reader<string> = (value, place) =>
  typeof value === "string" ? value : place.expected("a string", value);

/** config.json. */
export const config: Reader<Spec> = object<
  Omit<Spec, "process"> & { process: WrittenProcess }
>({
  ociVersion: required(version),
  process: required(process),
  root: required(root),
  hostname: unlessEmpty(name64),
  domainname: unlessEmpty(name64),
  mounts: list(mount),
  // Without `linux` the container shares everything, which check_config.ts
  // refuses.
  linux: otherwise(linux, () => ({ namespaces: [] })),
  annotations: record(annotation, matching(/./, "a name")),
  hooks: object<Hooks>({
    prestart: hooks,
    createRuntime: hooks,
    createContainer: hooks,
    startContainer: hooks,
    poststart: hooks,
    poststop: hooks,
  }),
});
