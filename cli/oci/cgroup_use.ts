/**
 * Whether `--cgroup-manager disabled` stands before the command. A module of its
 * own: `run` does not load the flags before the command if there are none.
 */
export const cgroupUse = { disabled: false };
