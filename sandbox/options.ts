/** What a program can ask of a sandbox. Only types. */

import type { LandlockRules } from "../plan/process/landlock.ts";
import type { IdMapping, Mount } from "../spec/types.ts";
import type { SignalName } from "../ffi/signal.ts";
import type { Progress } from "../images/progress.ts";
import type { Memory, Timeout } from "./amounts.ts";

/** The options of {@linkcode Sandbox.create}. */
export interface SandboxOptions {
  /**
   * An image as the root filesystem, such as `"node:22"`. It is fetched if it is
   * not here. Ours, as all options from here to `bestEffort` are.
   */
  image?: string;
  /**
   * A directory as the root filesystem. The sandbox's changes go to memory.
   * Default of `image` and `rootfs`: this machine's tree, read-only.
   */
  rootfs?: string;
  /** When the image is fetched, as in `run`. */
  pull?: "missing" | "always" | "newer" | "never";
  /** The platform of the image, such as `"linux/arm64"`. */
  platform?: string;
  /** The directory of the images. Default: that of the command line. */
  store?: string;
  /** Is told how far the layers are if the image is fetched. */
  onProgress?: (progress: Progress) => void;
  /** How many CPUs it may use, such as 1.5. */
  cpus?: number;
  /** How many processes and threads it may have. */
  pids?: number;
  /** The size of `/home/sandbox`, `/tmp` and other places in memory. */
  disk?: Memory;
  /** Mounts in addition, in OCI's format. */
  mounts?: Mount[];
  /** The hostname inside. Default: `sandbox`. */
  hostname?: string;
  /** The path of a seccomp profile, `default` or `unconfined`. */
  seccomp?: string;
  /** What Landlock allows. Default: Landlock is not used. */
  landlock?: LandlockRules;
  /** The maps of its user namespace. */
  uidMap?: IdMapping[];
  /** The same for groups. */
  gidMap?: IdMapping[];
  /**
   * How long an action on a file may take, in milliseconds. Default: 30000. A
   * file system that does not answer within that time ends the action.
   */
  fsTimeout?: number;
  /**
   * Without a cgroup that this user may use, `memory` and `pids` limit each
   * process instead of the sandbox, and `cpus` has no effect. Default: such a
   * sandbox is refused.
   */
  bestEffort?: boolean;
  /** Variables of every command's environment. */
  env?: Record<string, string>;
  /**
   * How long it lives: `"session"` (the default) until `close()`, or a time such
   * as `"90s"` or `"15m"` after which it is killed. It never outlives the
   * program.
   */
  timeout?: Timeout;
  /** How much memory it may use, such as `"512MiB"`. Default: no limit. */
  memory?: Memory;
  /**
   * At most five labels. A key has at most 64 bytes, a value at most 128. They
   * have no effect yet but in {@linkcode Sandbox.labels}.
   */
  labels?: Record<string, string>;
  /**
   * Named volumes of the store, or directories by an absolute path, by their
   * path inside. They are writable.
   */
  volumes?: Record<string, string>;
  /** Only `[]`, which is the default: there is no network yet. */
  allowNet?: string[];
  /**
   * A port inside at which something listens, or will. It can then be reached
   * at {@linkcode Sandbox.url}.
   */
  port?: number;
  /** Aborting it before the sandbox is there ends the creation. */
  signal?: AbortSignal;
  /** Accepted for programs of `@deno/sandbox`; no effect. */
  region?: string;
  /** Accepted for programs of `@deno/sandbox`; no effect. */
  org?: string;
  /** Accepted for programs of `@deno/sandbox`; no effect. */
  token?: string;
  /** Accepted for programs of `@deno/sandbox`; no effect. */
  debug?: boolean;
}

/** What a stream of a command is connected to. */
export type SpawnStdio = "piped" | "inherit" | "null";

/** The options of {@linkcode Sandbox.spawn}. */
export interface SpawnOptions {
  /** Its arguments. */
  args?: string[];
  /** Its working directory. Default: `/home/sandbox`. */
  cwd?: string | URL;
  /** Its environment is `env` alone. */
  clearEnv?: boolean;
  /** Variables in addition to those of the sandbox. */
  env?: Record<string, string>;
  /** Sends it SIGTERM when it is aborted. */
  signal?: AbortSignal;
  /** Default: `"null"`. */
  stdin?: "piped" | "null";
  /** Default: `"inherit"`. */
  stdout?: SpawnStdio;
  /** Default: `"inherit"`. */
  stderr?: SpawnStdio;
  /** Ours: runs it as root of the sandbox. */
  sudo?: boolean;
}

/** A signal that a command can be sent. */
export type Signal = SignalName;
