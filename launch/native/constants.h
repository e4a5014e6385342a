// Generated from TypeScript by scripts/native_constants.ts. Do not edit.

#pragma once

/* A compiled plan, launch/bytecode/layout.ts */
#define BASE 0x100000000UL
#define LIMIT 0x4000000UL
#define PLAN_MAGIC 0x4b4c4157u
enum {
  PLAN_VERSION = 2,
  PLAN_SIZE = 2048,
  STEP_SIZE = 88,
  SLOTS = 248,
  NO_SLOT = 65535,
  ARGUMENTS = 6,
  EXPECTED_ERRORS = 8,
  REPORT_SIZE = 64,
};
enum {
  STATE_WALKING = 1,
  STATE_FAILED = 2,
};
enum {
  FLAG_WANT = 1,
  FLAG_CLONE = 2,
};
enum {
  OP_COMPARE = -2,
  OP_FAIL = -3,
  OP_IS_PROCESS = -4,
  OP_END_PROCESS = -5,
  OP_COMPARE_MASKED = -6,
  OP_OWNERS_LIVE = -7,
  OP_IS_OUTSIDE = -8,
  OP_HAS_CONTENT = -9,
  OP_IS_AT = -10,
};

/* The handover to PID 1, launch/handover_layout.ts */
#define HANDOVER_MAGIC 0x444e4148u
enum {
  HANDOVER_VERSION = 3,
  HANDOVER_SIZE = 128,
};
enum {
  PART_CONTAINER = 0,
  PART_PROCESS = 1,
  PART_CLEANUP = 2,
  PART_WALKER = 3,
  PART_FRONT = 4,
  PART_STEPS = 5,
};
enum {
  HANDOVER_ANSWERS = 1,
};
enum {
  HANDOVER_AT_MAGIC = 0,
  HANDOVER_AT_VERSION = 4,
  HANDOVER_AT_SIZE = 8,
  HANDOVER_AT_FLAGS = 16,
  HANDOVER_AT_PRESERVE = 20,
  HANDOVER_AT_CGROUPS = 24,
  HANDOVER_AT_PARTS = 32,
};
enum {
  PHASE_CONTAINER = 0,
  PHASE_PROCESS = 1,
  PHASE_CLEANUP = 2,
  PHASE_CALL = 3,
};
enum {
  FAILURE_PHASE = 1,
  FAILURE_INDEX = 4,
  FAILURE_ERROR = 8,
  FAILURE_SIZE = 12,
};
enum {
  ANSWER_ERROR = 0,
  ANSWER_MODE = 4,
  ANSWER_HEAD = 8,
};
enum {
  PARTS = 6,
  HEAD_SIZE = 4096,
};

/* Descriptors, launch/lower/descriptors.ts; our own are HIGH or higher, ffi/fcntl.ts */
enum {
  TO_PLAN = 3,
  TO_STATUS = 4,
  TO_SELF = 5,
  TO_LIFELINE = 6,
  TO_WALK = 7,
  TO_CGROUPS = 9,
  TO_PRESERVED = 43,
};
enum {
  HIGH = 44,
};

/* The keeper, launch/keeper.ts */
#define KEEPER_MAGIC 0x5045454bu
enum {
  KEPT_CONFIG = 43,
  KEPT_CONTROL = 44,
  KEPT_DIRECTORY = 45,
  KEPT_WALKER = 46,
};
enum {
  CONFIG_SIZE = 16384,
  CONFIG_WORDS = 48,
  CONFIG_INTERACTIVE = 2,
};
enum {
  MAX_WORDS = 64,
};

/* The relay of published ports, launch/ports/layout.ts */
#define PORT_MAGIC 0x54524f50u
enum {
  PORT_HEAD = 64,
  PORT_ENTRY = 40,
  PORT_CONFIG = 3,
  PORT_CONTROL = 4,
  PORT_TWIN = 1,
  PORT_OPTIONAL = 2,
};

/* The helper for files, launch/files_layout.ts */
enum {
  FILES_ROOM = 131072,
  REQUEST_SIZE = 16,
  FILE_CALL_SIZE = 72,
  CHECK_WORD = -1,
};
enum {
  ARGUMENT_IS_VALUE = 0,
  ARGUMENT_IS_PLACE = 1,
  ARGUMENT_IS_RESULT = 2,
  ARGUMENT_IS_RECEIVED = 3,
};
enum {
  FILE_CALL_FLAG_MAY_FAIL = 1,
};

/* The messages of PID 1, launch/lower/news.ts */
enum {
  NEWS_RUNNING = 1,
  NEWS_STOPPED = 2,
  NEWS_WANTS_TERMINAL = 3,
  NEWS_TERMINAL = 4,
  NEWS_LISTENER = 5,
  NEWS_HOOKS = 6,
  NEWS_FAILED = 7,
};

/* The walker's argv[0] */
#define WALKER_NAME "walker"

/* Sets of signals: plan/child.ts, launch/attend/early_end.ts */
#define SIGNALS_FORWARDED 0xffffffffffbaeeffUL
#define SIGNALS_TAKEN 0xffffffffffbbfeffUL
#define SIGNALS_ENDING 0x4007UL
/* In the order of the messages of plain runs */
#define ENDING_IN_ORDER {2, 15, 1, 3}
enum {
  SIGNAL_FOREGROUND = 16,
  SIGHUP = 1,
  SIGINT = 2,
  SIGQUIT = 3,
  SIGILL = 4,
  SIGTRAP = 5,
  SIGABRT = 6,
  SIGBUS = 7,
  SIGFPE = 8,
  SIGKILL = 9,
  SIGUSR1 = 10,
  SIGSEGV = 11,
  SIGUSR2 = 12,
  SIGPIPE = 13,
  SIGALRM = 14,
  SIGTERM = 15,
  SIGSTKFLT = 16,
  SIGCHLD = 17,
  SIGCONT = 18,
  SIGSTOP = 19,
  SIGTSTP = 20,
  SIGTTIN = 21,
  SIGTTOU = 22,
  SIGURG = 23,
  SIGXCPU = 24,
  SIGXFSZ = 25,
  SIGVTALRM = 26,
  SIGPROF = 27,
  SIGWINCH = 28,
  SIGIO = 29,
  SIGPWR = 30,
  SIGSYS = 31,
};

/* The first slots of plain runs, launch/plain_kinds.ts */
enum {
  PLAIN_ROOT = 0,
  PLAIN_WORKDIR = 1,
  PLAIN_VOLUME_SOURCE = 2,
  PLAIN_VOLUME_TARGET = 3,
  PLAIN_ARGV = 4,
  PLAIN_ENV = 5,
  PLAIN_NULL0 = 6,
  PLAIN_NULL1 = 7,
  PLAIN_NULL2 = 8,
  PLAIN_ANY_NULL = 9,
  PLAIN_PID = 10,
  PLAIN_ANNOUNCES = 11,
  PLAIN_ANNOUNCEMENT = 12,
  PLAIN_ANNOUNCEMENT_LENGTH = 13,
  PLAIN_VARIABLES = 14,
  PLAIN_CONDITION = 15,
  PLAIN_CONDITION1 = 16,
  PLAIN_CONDITION2 = 17,
  PLAIN_CONDITION3 = 18,
  PLAIN_CONDITION4 = 19,
  PLAIN_CONDITION5 = 20,
  PLAIN_CONDITION6 = 21,
  PLAIN_CONDITION7 = 22,
  PLAIN_CONDITION8 = 23,
  PLAIN_CONDITION9 = 24,
  PLAIN_CONDITION10 = 25,
  PLAIN_CONDITION11 = 26,
  PLAIN_CONDITION12 = 27,
  PLAIN_CONDITION13 = 28,
  PLAIN_CONDITION14 = 29,
  PLAIN_CONDITION15 = 30,
  PLAIN_CONDITION16 = 31,
  PLAIN_CONDITION17 = 32,
  PLAIN_CONDITION18 = 33,
  PLAIN_CONDITION19 = 34,
  PLAIN_CONDITION20 = 35,
  PLAIN_CONDITION21 = 36,
  PLAIN_CONDITION22 = 37,
  PLAIN_CONDITION23 = 38,
  PLAIN_CANDIDATE = 39,
};
enum {
  KIND_READ_ONLY = 1,
  KIND_DIRECTORY = 2,
  KIND_VOLUME = 4,
  KIND_READ_ONLY_VOLUME = 8,
};
enum {
  CONDITIONS = 24,
};

/* Reused plans, launch/reused_plan.ts */
#define REUSED_MAGIC 0x100534e414c50UL
#define REUSED_FIRST 0x811c9dc5u
#define REUSED_SECOND 0x9747b28cu
#define REUSED_FACTOR 0x1000193u
#define REUSED_OTHER_FACTOR 0x85ebca6bu
enum {
  REUSED_MOST = 1048576,
  REUSED_PROGRAM = 6,
};
enum {
  REUSED_QUIET = 1,
  REUSED_DENIES_GROUPS = 2,
};
/* The directories of the root filesystem in which a plain run has mounts */
#define TAKEN_AT_TOP "/proc\0/dev\0/sys\0/etc\0"
