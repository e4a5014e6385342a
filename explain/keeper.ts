/**
 * What the keeper of a container in the background does, in words. It is not a
 * step: the keeper works beside the plan, until the container has ended. Pure.
 */

/** What a keeper does for one container. */
export interface Keeping {
  /** The container's own directory, with the log and the exit status. */
  directory: string;
  /** The size in bytes at which a new log file begins; 0 means no limit. */
  logMax: number;
  /** It holds the terminal of the command. */
  terminal: boolean;
  /** It keeps the command's standard input open. */
  interactive: boolean;
  /** It removes the container when it has ended. */
  removes: boolean;
  /** The value of --restart; null if it does not start the container again. */
  restart: string | null;
}

const MEGABYTE = 1 << 20;

const size = (bytes: number) =>
  bytes % MEGABYTE ? `${bytes / 1024}k` : `${bytes / MEGABYTE}m`;

/** Each thing that it does, in the order in which it happens. */
export function keeperInWords(
  { directory, logMax, terminal, interactive, removes, restart }: Keeping,
): string[] {
  return [
    "start the walker, and become the parent of the process that it creates",
    `write the command's output to ${directory}/log${
      logMax ? `, and begin a new file at ${size(logMax)}` : ""
    }`,
    ...(terminal
      ? ["hold the command's terminal, for container attach"]
      : interactive
      ? ["keep the command's standard input open, for container attach"]
      : []),
    `wait for the end, and write the exit status to ${directory}/exit`,
    ...(removes ? ["remove the container"] : []),
    ...(restart === null
      ? []
      : [`start the container again (--restart ${restart})`]),
  ];
}

/** The heading of what it does. */
export const KEEPER = "keeper, on the host, until the container has ended";
