/** sys/prctl.h. */

export const PR = {
  PR_SET_PDEATHSIG: 1,
  PR_SET_DUMPABLE: 4,
  PR_SET_NO_NEW_PRIVS: 38,
} as const;
