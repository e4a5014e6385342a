/**
 * What comes before the command of an OCI runtime: `--root`, `--log` and their
 * like, as runc has them. The commands that people use take them as well.
 */

import { stateDirectory } from "../../lifecycle/state_directory.ts";
import { Store } from "../../lifecycle/oci/store.ts";
import { type Flag, parseFlags } from "../flags.ts";
import { log } from "../output.ts";

/** The flags before the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "root", value: "DIR", help: "Where the state of containers is kept" },
  { name: "log", value: "FILE", help: "Write errors to FILE as well" },
  { name: "log-format", value: "FORMAT", help: "text or json" },
  { name: "debug", help: "Show stack traces" },
  {
    name: "systemd-cgroup",
    help: "cgroupsPath is systemd's: slice:prefix:name",
  },
  {
    name: "cgroup-manager",
    value: "NAME",
    help: "cgroupfs, systemd or disabled",
  },
  {
    name: "rootless",
    value: "WHEN",
    help: "true, false or auto; auto is what is done",
  },
];

/** Whether a word is one of them. */
export const isGlobalFlag = (word: string) =>
  GLOBAL_FLAGS.some(({ name }) =>
    word.replace(/^--?/, "").replace(/=.*$/s, "") === name
  );

/** What they came to. */
export interface Global {
  store: Store;
  systemdCgroup: boolean;
  cgroups: boolean;
}

/** This process's; the defaults until the command line is read. */
let current: Global | undefined;

/** Reads them; returns the words from the command on. */
export function takeGlobalFlags(argv: readonly string[]): readonly string[] {
  const flags = parseFlags(GLOBAL_FLAGS, argv, "container");
  const manager = flags.last("cgroup-manager");
  const root = flags.last("root");
  let store: Store | undefined;
  current = {
    // Where it is by default may not do, which is nothing to who asks for help.
    get store() {
      return store ??= new Store(root ?? `${stateDirectory()}/containers`);
    },
    systemdCgroup: flags.has("systemd-cgroup") || manager === "systemd",
    cgroups: manager !== "disabled",
  };
  log.file = flags.last("log");
  log.json = flags.last("log-format") === "json";
  return flags.rest;
}

/** What came before the command. */
export function globals(): Global {
  if (!current) takeGlobalFlags([]);
  return current!;
}
