/** The rows of the table for the commands of daily use. */

import type { Entry } from "../command.ts";

/** The commands for containers that outlive the command which starts them. */
export const DAILY_COMMANDS: readonly Entry[] = [
  {
    name: "ps",
    summary: "List running containers, or the processes of one",
    load: async () => (await import("./ps.ts")).psCommand,
  },
  {
    name: "logs",
    summary: "Print the output of a container that runs in the background",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  {
    name: "attach",
    summary: "Attach your terminal or streams to a running container",
    load: async () => (await import("./attach.ts")).attachCommand,
  },
  {
    name: "stop",
    summary: "Stop containers with SIGTERM, or SIGKILL after a timeout",
    load: async () => (await import("./stop.ts")).stopCommand,
  },
  {
    name: "restart",
    summary: "Restart containers",
    load: async () => (await import("./stop.ts")).restartCommand,
  },
  {
    name: "rm",
    summary: "Remove containers and their logs",
    load: async () => (await import("./rm.ts")).rmCommand,
  },
  {
    name: "prune",
    summary: "Remove all containers that have ended",
    load: async () => (await import("./rm.ts")).pruneCommand,
  },
  {
    name: "wait",
    summary: "Wait until containers end, and print their exit statuses",
    load: async () => (await import("./wait.ts")).waitCommand,
  },
  {
    name: "stats",
    summary: "Show the resource usage of containers, live",
    load: async () => (await import("./stats.ts")).statsCommand,
  },
  {
    name: "top",
    summary: "List the processes of a running container",
    load: async () => (await import("./top.ts")).topCommand,
  },
  {
    name: "inspect",
    summary: "Print details of containers, as JSON",
    load: async () => (await import("./inspect.ts")).inspectCommand,
  },
  {
    name: "rename",
    summary: "Rename a container",
    load: async () => (await import("./inspect.ts")).renameCommand,
  },
  {
    name: "port",
    summary: "Print the published ports of a container (not supported yet)",
    load: async () => (await import("./port.ts")).portCommand,
  },
  {
    name: "ended",
    summary:
      "Restart or remove a container that has ended; called by its keeper",
    hidden: true,
    load: async () => (await import("./start.ts")).endedCommand,
  },
];
