/** Where a command is looked for. */

/** The search path when the environment has none, execvp(3). */
const DEFAULT_PATH = "/bin:/usr/bin";

/** Every path that may hold the command, in the order of PATH. */
export function candidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  // Of two settings of PATH the last one counts, as for every variable here.
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5);
  return (path || DEFAULT_PATH).split(":").map((directory) =>
    `${directory || "."}/${command}`
  );
}
