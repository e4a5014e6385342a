/** The settings of a terminal as plain data. Only types: nothing here runs. */

/** The flags of struct termios, and its control characters such as Ctrl-C. */
export interface TerminalSettings {
  input: number;
  output: number;
  control: number;
  local: number;
  characters: readonly number[];
}
