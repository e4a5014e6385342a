/**
 * Flags of docker's and podman's other commands, and of docker itself, that do
 * not exist here. Loaded only if one is given. Pure.
 */

import { nearestFlag } from "./run_flags.ts";
import { RUN_FLAGS } from "../run_flags.ts";

const LATEST = "Use the name of the container.";
const CIDFILE = 'Use "$(cat FILE)" in the place of the container.';
const IGNORE = "A container that does not exist is an error. Use || true.";
const STREAMS =
  "start runs a container in the background. Use container attach after it.";
const NO_SIZE = "The root filesystem is a directory: use du(1).";
const OWN_OUTPUT = "The output has one format. Use grep(1) and sort(1).";

/** For flags of several commands. `COMMAND` stands for the command. */
const COMMON: Readonly<Record<string, string>> = {
  all: 'Use container COMMAND "$(container ps -q)", for each container.',
  a: 'Use container COMMAND "$(container ps -q)", for each container.',
  latest: LATEST,
  l: LATEST,
  cidfile: CIDFILE,
  filter: 'Use "$(container ps -q --filter …)" in the place of the container.',
  f: 'Use "$(container ps -q --filter …)" in the place of the container.',
  ignore: IGNORE,
  i: IGNORE,
  size: NO_SIZE,
  s: NO_SIZE,
};

/** For flags of one command. */
const OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  start: {
    attach: STREAMS,
    a: STREAMS,
    interactive: STREAMS,
    i: STREAMS,
    "detach-keys": STREAMS,
    "sig-proxy": STREAMS,
    checkpoint: "Use restore with a bundle.",
    "checkpoint-dir": "Use restore with a bundle.",
  },
  exec: {
    "detach-keys": "exec has no keys to detach. Use --detach.",
    "env-file": "Use --env for each variable.",
    privileged: "Use --cap for each capability.",
  },
  attach: { "sig-proxy": "Signals are always passed on. Remove the flag." },
  ps: {
    external: OWN_OUTPUT,
    noheading: "Use --quiet, or --format json.",
    ns: "inspect shows the PID: see /proc/PID/ns.",
    pod: "There are no pods. Remove the flag.",
    p: "There are no pods. Remove the flag.",
    sort: OWN_OUTPUT,
    sync: "ps always looks at the processes. Remove the flag.",
    watch: "Use watch(1).",
    w: "Use watch(1).",
  },
  logs: {
    details: "Labels are shown by inspect.",
    color: "Remove the flag.",
    names: "Remove the flag.",
    n: "Use --tail.",
  },
  inspect: {
    type: "Only containers can be inspected. Remove the flag.",
    t: "Only containers can be inspected. Remove the flag.",
  },
  rm: {
    link: "There are no links between containers. Remove the flag.",
    depend: "Containers do not depend on others. Remove the flag.",
    time: "rm --force kills at once. Use stop --time, then rm.",
    t: "rm --force kills at once. Use stop --time, then rm.",
  },
  restart: { running: 'Use "$(container ps -q)" as the containers.' },
  wait: {
    condition: "wait waits for the end. Remove the flag.",
    interval: "wait does not poll. Remove the flag.",
    i: "wait does not poll. Remove the flag.",
  },
  stats: {
    interval: "Use events --interval.",
    i: "Use events --interval.",
    "no-reset": "Use --no-stream for a single table.",
  },
  update: {
    cpus: "Use --cpu-quota and --cpu-period.",
    "cpu-shares": "Use --cpu-share.",
    c: "Use --cpu-share.",
    restart: "The policy is chosen by run --restart.",
  },
  events: {
    filter: "events prints the usage of one container.",
    f: "events prints the usage of one container.",
    format: "The format is JSON. Remove the flag.",
    since: "events prints what happens from now on.",
    until: "Use timeout(1).",
  },
};

const isOfRun = (flag: string) =>
  RUN_FLAGS.some(({ name, short }) => name === flag || short === flag);

/** The advice for a flag that a command lacks; null for an unknown one. */
export function adviceOn(command: string, flag: string): string | null {
  if (command === "create" && (isOfRun(flag) || nearestFlag(flag))) {
    return "create prepares an OCI bundle. run --detach creates and starts a container with flags.";
  }
  const own = Object.hasOwn(OF, command) ? OF[command]! : {};
  if (Object.hasOwn(own, flag)) return own[flag]!;
  return TAKES_CONTAINERS.has(command) && Object.hasOwn(COMMON, flag)
    ? COMMON[flag]!.replace("COMMAND", command)
    : null;
}

/** The commands that docker and podman give these flags. */
const TAKES_CONTAINERS: ReadonlySet<string> = new Set([
  ...["start", "stop", "restart", "kill", "rm", "pause", "wait", "top"],
  ...["attach", "exec", "logs", "inspect", "stats", "port", "ps", "resume"],
]);

const ONE_MACHINE = "There is no daemon: commands act on this machine.";

/** Flags before the command. */
const BEFORE: Readonly<Record<string, string>> = {
  host: ONE_MACHINE,
  H: ONE_MACHINE,
  context: ONE_MACHINE,
  connection: ONE_MACHINE,
  remote: ONE_MACHINE,
  url: ONE_MACHINE,
  identity: ONE_MACHINE,
  config: ONE_MACHINE,
  tls: ONE_MACHINE,
  tlscacert: ONE_MACHINE,
  tlscert: ONE_MACHINE,
  tlskey: ONE_MACHINE,
  tlsverify: ONE_MACHINE,
  D: "Use --debug.",
  "log-level": "Use --debug.",
  runtime: "container is its own runtime. Remove the flag.",
  "storage-driver": "Layers are kept by overlayfs only. Remove the flag.",
  runroot: "Use --root.",
};

/** The advice for a flag before the command; null for an unknown one. */
export function adviceBefore(word: string): string | null {
  const flag = word.replace(/^-+/, "").replace(/=.*$/s, "");
  if (isOfRun(flag)) {
    return `It is a flag of run: container run ${word} …`;
  }
  return Object.hasOwn(BEFORE, flag) ? BEFORE[flag]! : null;
}
