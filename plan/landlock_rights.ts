/** The rights that Landlock can restrict, linux/landlock.h. */

/** A right of struct landlock_path_beneath_attr, without LANDLOCK_ACCESS_FS_. */
export type FileRight =
  | "EXECUTE"
  | "WRITE_FILE"
  | "READ_FILE"
  | "READ_DIR"
  | "REMOVE_DIR"
  | "REMOVE_FILE"
  | "MAKE_CHAR"
  | "MAKE_DIR"
  | "MAKE_REG"
  | "MAKE_SOCK"
  | "MAKE_FIFO"
  | "MAKE_BLOCK"
  | "MAKE_SYM"
  | "REFER"
  | "TRUNCATE"
  | "IOCTL_DEV";

/** A right of struct landlock_net_port_attr, without LANDLOCK_ACCESS_NET_. */
export type PortRight = "BIND_TCP" | "CONNECT_TCP";

/** What stays within the sandbox, without LANDLOCK_SCOPE_. */
export type Scope = "ABSTRACT_UNIX_SOCKET" | "SIGNAL";

/** The rights in the order of their bits, each with the first ABI version that has it. */
export const FILE_RIGHTS = [
  ["EXECUTE", 1],
  ["WRITE_FILE", 1],
  ["READ_FILE", 1],
  ["READ_DIR", 1],
  ["REMOVE_DIR", 1],
  ["REMOVE_FILE", 1],
  ["MAKE_CHAR", 1],
  ["MAKE_DIR", 1],
  ["MAKE_REG", 1],
  ["MAKE_SOCK", 1],
  ["MAKE_FIFO", 1],
  ["MAKE_BLOCK", 1],
  ["MAKE_SYM", 1],
  ["REFER", 2],
  ["TRUNCATE", 3],
  ["IOCTL_DEV", 5],
] as const satisfies readonly (readonly [FileRight, number])[];

/** The names in the order of their bits. */
export const FILE_RIGHT_NAMES: readonly FileRight[] = FILE_RIGHTS.map((
  [name],
) => name);
