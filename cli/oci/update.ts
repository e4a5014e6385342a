/** `container update`: changes the limits of a container. */

import { update } from "../../containers/oci/update.ts";
import { parseResources } from "../../spec/config.ts";
import { ContainerError } from "../../spec/errors.ts";
import { parseInteger, parseLimit } from "../../spec/resource_flags.ts";
import type { Resources } from "../../spec/resources.ts";
import type { Command } from "../command.ts";
import { type Flags, parseFlagsAndNames } from "../flags.ts";
import { containerOf } from "./id.ts";
import { configReading, globals } from "./global.ts";

/** The file name that means standard input. */
const STDIN = "-";

/** `container update`. */
export const updateCommand: Command = {
  name: "update",
  summary: "Change the limits of a running container",
  usage: "[flags] ID",
  flags: [
    {
      name: "resources",
      short: "r",
      value: "FILE",
      help:
        "Read linux.resources from FILE (- is stdin) and ignore other flags",
    },
    {
      name: "memory",
      short: "m",
      value: "SIZE",
      help: "Limit memory; -1 for no limit",
    },
    {
      name: "memory-reservation",
      value: "SIZE",
      help: "Memory to keep when the host is short of memory",
    },
    {
      name: "memory-swap",
      value: "SIZE",
      help: "Limit memory and swap together; -1 for no limit",
    },
    { name: "cpu-period", value: "µS", help: "Length of a --cpu-quota period" },
    { name: "cpu-quota", value: "µS", help: "Limit CPU time per period" },
    {
      name: "cpu-burst",
      value: "µS",
      help: "Unused quota that it can save up",
    },
    {
      name: "cpu-share",
      value: "N",
      help: "CPU weight relative to other cgroups (usually 1024)",
    },
    {
      name: "cpu-rt-period",
      value: "µS",
      help: "Length of a --cpu-rt-runtime period",
    },
    {
      name: "cpu-rt-runtime",
      value: "µS",
      help: "Limit real-time CPU time per period",
    },
    { name: "cpu-idle", value: "N", help: "1: run only when the CPU is idle" },
    { name: "cpuset-cpus", value: "LIST", help: "CPUs to use" },
    { name: "cpuset-mems", value: "LIST", help: "Memory nodes to use" },
    {
      name: "pids-limit",
      value: "N",
      help: "Limit the number of processes; -1 for no limit",
    },
    { name: "blkio-weight", value: "N", help: "Disk I/O weight (10 to 1000)" },
    {
      name: "l3-cache-schema",
      value: "TEXT",
      help: "Intel RDT (not supported)",
    },
    { name: "mem-bw-schema", value: "TEXT", help: "Intel RDT (not supported)" },
  ],
  examples: [
    ["sudo container update --memory 512m web", "change the memory limit"],
    ["sudo container update --resources - web <limits.json", "as engines do"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container update");
    const id = await containerOf(flags, "update");
    const file = flags.last("resources");
    const resources = file === undefined
      ? fromFlags(flags)
      : parseResources(await textOf(file), configReading());
    await update(globals().store, id, resources);
    return 0;
  },
};

async function textOf(file: string): Promise<string> {
  if (file === STDIN) return await new Response(Deno.stdin.readable).text();
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new ContainerError(
      `Cannot read the resources ${file}: no such file or directory`,
      { cause },
    );
  }
}

function fromFlags(flags: Flags): Resources {
  for (const name of ["l3-cache-schema", "mem-bw-schema"]) {
    if (!flags.last(name)) continue;
    throw new ContainerError(
      `Cannot apply --${name}: the container has no resctrl group`,
    );
  }
  const size = (name: string) => {
    const text = flags.last(name);
    return text === undefined ? undefined : parseLimit(name, text);
  };
  const number = (name: string, least = 0) => {
    const text = flags.last(name);
    return text === undefined
      ? undefined
      : parseInteger(name, text, [least, Number.MAX_SAFE_INTEGER]);
  };
  const pids = number("pids-limit", -1);
  return {
    memory: given({
      limit: size("memory"),
      reservation: size("memory-reservation"),
      swap: size("memory-swap"),
    }),
    cpu: given({
      shares: number("cpu-share"),
      quota: number("cpu-quota", -1),
      period: number("cpu-period"),
      burst: number("cpu-burst"),
      idle: number("cpu-idle"),
      realtimePeriod: number("cpu-rt-period"),
      realtimeRuntime: number("cpu-rt-runtime"),
      cpus: flags.last("cpuset-cpus"),
      mems: flags.last("cpuset-mems"),
    }),
    blockIO: given({ weight: number("blkio-weight") }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
}

/** Removes undefined members. */
const given = <T extends object>(part: T): T =>
  Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined),
  ) as T;
