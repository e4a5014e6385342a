/** The settings of a terminal as plain data. Only types: nothing here runs. */

/** The flags of struct termios, and its control characters such as Ctrl-C. */
export interface TerminalSettings {
  /** c_iflag. */
  input: number;
  /** c_oflag. */
  output: number;
  /** c_cflag. */
  control: number;
  /** c_lflag. */
  local: number;
  /** c_cc. */
  characters: readonly number[];
}
