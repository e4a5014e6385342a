/** The paths at which a command is looked for. */

/** The search path if the environment has none, execvp(3). */
const DEFAULT_PATH = "/bin:/usr/bin";

/** Every path at which the command may be, in the order of PATH. */
export function candidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  // If PATH is set twice, the last value counts, as for every variable here.
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5);
  return (path || DEFAULT_PATH).split(":").map((directory) =>
    `${directory || "."}/${command}`
  );
}
