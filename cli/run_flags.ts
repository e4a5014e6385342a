/** The flags of `run`, which `explain run` shares, and the Spec they mean. */

import {
  DEFAULT_HOSTNAME,
  DEFAULT_PATH,
  defaultSpec,
} from "../spec/defaults.ts";
import { UsageError } from "../spec/errors.ts";
import type { Spec } from "../spec/types.ts";
import type { Flag, Flags } from "./flags.ts";

/** Every flag that says something of the container. */
export const RUN_FLAGS: readonly Flag[] = [
  {
    name: "rootfs",
    value: "DIR",
    help: "The root filesystem (default ./fs)",
  },
  {
    name: "hostname",
    value: "NAME",
    help: `The name inside (default ${DEFAULT_HOSTNAME})`,
  },
  {
    name: "env",
    short: "e",
    value: "K=V",
    help: "Set a variable; K alone takes the caller's value",
  },
  { name: "env-host", help: "Start from the caller's environment" },
  {
    name: "workdir",
    short: "w",
    value: "DIR",
    help: "The working directory inside (default /)",
  },
  { name: "chroot", help: "Change root by chroot, as the seed did" },
  { name: "quiet", short: "q", help: "Do not say `running …`" },
  { name: "debug", help: "Show stack traces" },
];

/** The longest hostname, uname(2). */
const HOST_NAME_MAX = 64;

/** The Spec that the flags and the command describe. */
export function specFromFlags(flags: Flags, rootfs: string): Spec {
  const [command] = flags.rest;
  if (command === undefined || command === "") {
    throw new UsageError(
      "No command to run",
      "Name one: container run /bin/sh.",
    );
  }
  return defaultSpec({
    rootfs,
    args: [...flags.rest],
    hostname: hostname(flags.last("hostname") ?? DEFAULT_HOSTNAME),
    env: environment(flags),
    cwd: workdir(flags.last("workdir") ?? "/"),
  });
}

function hostname(name: string): string {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > 0 && bytes <= HOST_NAME_MAX && !name.includes("\0")) return name;
  throw new UsageError(
    `--hostname ${name}: a hostname has 1 to ${HOST_NAME_MAX} bytes`,
  );
}

function workdir(path: string): string {
  if (path.startsWith("/")) return path;
  throw new UsageError(
    `--workdir ${path}: the path is not absolute`,
    "It is looked up inside the container and begins with a slash.",
  );
}

/** Clean by default: nothing of the host's environment comes along unasked. */
function environment(flags: Flags): string[] {
  const env = new Map<string, string>();
  if (flags.has("env-host")) {
    for (const [key, value] of Object.entries(Deno.env.toObject())) {
      env.set(key, value);
    }
  } else {
    env.set("PATH", DEFAULT_PATH);
    env.set("HOME", "/root");
    env.set("HOSTNAME", flags.last("hostname") ?? DEFAULT_HOSTNAME);
    if (Deno.stdin.isTerminal()) {
      env.set("TERM", Deno.env.get("TERM") || "xterm");
    }
  }
  for (const entry of flags.all("env")) {
    const at = entry.indexOf("=");
    if (at === 0 || entry === "") {
      throw new UsageError(
        `--env ${entry}: the name is missing`,
        "Write --env NAME=VALUE.",
      );
    }
    if (at > 0) env.set(entry.slice(0, at), entry.slice(at + 1));
    else {
      const value = Deno.env.get(entry);
      if (value !== undefined) env.set(entry, value);
    }
  }
  return [...env].map(([key, value]) => `${key}=${value}`);
}
