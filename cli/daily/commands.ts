/** The rows of the table for the commands of daily use. */

import type { Entry } from "../command.ts";

/** The commands for containers that outlive the command which starts them. */
export const DAILY_COMMANDS: readonly Entry[] = [
  {
    name: "ps",
    summary: "List the containers that run, or the processes of one",
    load: async () => (await import("./ps.ts")).psCommand,
  },
  {
    name: "logs",
    summary: "Print what a container in the background has written",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  {
    name: "attach",
    summary: "Tie your terminal, or your streams, to a container that runs",
    load: async () => (await import("./attach.ts")).attachCommand,
  },
  {
    name: "stop",
    summary: "Stop containers: SIGTERM, and SIGKILL when that takes too long",
    load: async () => (await import("./stop.ts")).stopCommand,
  },
  {
    name: "restart",
    summary: "Stop containers and start them again",
    load: async () => (await import("./stop.ts")).restartCommand,
  },
  {
    name: "rm",
    summary: "Remove containers, with their logs",
    load: async () => (await import("./rm.ts")).rmCommand,
  },
  {
    name: "prune",
    summary: "Remove every container that has ended",
    load: async () => (await import("./rm.ts")).pruneCommand,
  },
  {
    name: "wait",
    summary: "Wait until containers have ended, and print their statuses",
    load: async () => (await import("./wait.ts")).waitCommand,
  },
  {
    name: "stats",
    summary: "Show what containers use, live",
    load: async () => (await import("./stats.ts")).statsCommand,
  },
  {
    name: "top",
    summary: "List the processes of a container that runs",
    load: async () => (await import("./top.ts")).topCommand,
  },
  {
    name: "inspect",
    summary: "Print all that is known of containers, as JSON",
    load: async () => (await import("./inspect.ts")).inspectCommand,
  },
  {
    name: "rename",
    summary: "Give a container another name",
    load: async () => (await import("./inspect.ts")).renameCommand,
  },
  {
    name: "port",
    summary: "Print the published ports of a container: none can be yet",
    load: async () => (await import("./inspect.ts")).portCommand,
  },
  {
    name: "ended",
    summary: "See to a container that has ended; started by its keeper",
    hidden: true,
    load: async () => (await import("./start.ts")).endedCommand,
  },
];
