/**
 * Writes launch/native/constants.h: every number and name that the C programs
 * share with TypeScript. TypeScript is the source, so a change there needs
 * `deno task walker`; a test finds a header that is older.
 *
 * @module
 */

// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { HIGH } from "../ffi/fcntl.ts";
import { SIGNAL } from "../ffi/signal.ts";
import { ENDING } from "../launch/attend/early_end.ts";
import {
  ARGUMENT_COUNT,
  BASE,
  EXPECTED_COUNT,
  FLAG,
  HEADER_SIZE,
  LIMIT,
  MAGIC,
  NO_SLOT,
  OPERATION,
  REPORT_SIZE,
  SLOT_COUNT,
  STATE,
  STEP_SIZE,
  VERSION,
} from "../launch/bytecode/layout.ts";
import {
  ARGUMENT_IS,
  CHECK_WORD,
  FILE_CALL_FLAG,
  FILE_CALL_SIZE,
  FILES_ROOM,
  REQUEST_SIZE,
} from "../launch/files_layout.ts";
import {
  ANSWER,
  FAILURE,
  FAILURE_PHASE,
  HANDOVER,
  HANDOVER_FLAG,
  HANDOVER_MAGIC,
  HANDOVER_PARTS,
  HANDOVER_SIZE,
  HANDOVER_VERSION,
  HEAD_SIZE,
} from "../launch/handover_layout.ts";
import {
  CONFIG,
  CONFIG_SIZE,
  INTERACTIVE,
  KEEPER_MAGIC,
  KEPT,
  MAX_WORDS,
} from "../launch/keeper.ts";
import { DESCRIPTOR, WALKER_NAME } from "../launch/lower/descriptors.ts";
import { NEWS } from "../launch/lower/news.ts";
import {
  ENTRY_FLAG,
  RELAY_CONFIG,
  RELAY_DESCRIPTOR,
} from "../launch/ports/layout.ts";
import { signalNumbers } from "../launch/lower/signal_numbers.ts";
import { SIGNAL_FOREGROUND } from "../launch/handover.ts";
import { DEFAULT_MOUNTS } from "../spec/defaults.ts";
import { CONDITIONS, PLAIN_KIND, PLAIN_SLOTS } from "../launch/plain_kinds.ts";
import { REUSED, REUSED_FLAG } from "../launch/reused_plan.ts";
import { FORWARDED, TAKEN_BY_CHILD } from "../plan/child.ts";
import { ROOT } from "./_files.ts";

/** The path of the header. */
export const CONSTANTS = join(ROOT, "launch/native/constants.h");

/** `isProcess` as `IS_PROCESS`. */
const upper = (name: string) =>
  /[a-z]/.test(name)
    ? name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    : name;

/** An enum; each name gets the prefix. */
const numbers = (prefix: string, values: Readonly<Record<string, number>>) =>
  `enum {\n${
    Object.entries(values).map(([name, value]) =>
      `  ${prefix}${upper(name)} = ${value},\n`
    ).join("")
  }};\n`;

const positions = (names: readonly string[]) =>
  Object.fromEntries(names.map((name, index) => [name, index]));

/** A number of 64 or 32 bits, without a sign. */
const macro = (name: string, value: number | bigint, suffix: "UL" | "u") =>
  `#define ${name} 0x${value.toString(16)}${suffix}\n`;

const text = (name: string, value: string) => `#define ${name} "${value}"\n`;

/** A set of signals in the form of rt_sigprocmask(2). */
const signals = (name: string, names: readonly string[]) =>
  macro(
    name,
    signalNumbers(names).reduce(
      (set, signal) => set | 1n << BigInt(signal - 1),
      0n,
    ),
    "UL",
  );

const { plan, status, self, lifeline, walk, cgroups, preserved } = DESCRIPTOR;

const TAKEN_AT_TOP = [
  ...new Set(
    [...DEFAULT_MOUNTS.map(({ destination }) => destination), "/etc/hosts"]
      .map((path) => `/${path.split("/")[1]}`),
  ),
];

/** The text of the header. */
export const constantsHeader = (): string =>
  `// Generated from TypeScript by scripts/native_constants.ts. Do not edit.

#pragma once

/* A compiled plan, launch/bytecode/layout.ts */
${macro("BASE", BASE, "UL")}${macro("LIMIT", LIMIT, "UL")}${
    macro("PLAN_MAGIC", MAGIC, "u")
  }${
    numbers("", {
      planVersion: VERSION,
      planSize: HEADER_SIZE,
      stepSize: STEP_SIZE,
      slots: SLOT_COUNT,
      noSlot: NO_SLOT,
      arguments: ARGUMENT_COUNT,
      expectedErrors: EXPECTED_COUNT,
      reportSize: REPORT_SIZE,
    })
  }${numbers("STATE_", STATE)}${numbers("FLAG_", FLAG)}${
    numbers("OP_", OPERATION)
  }
/* The handover to PID 1, launch/handover_layout.ts */
${macro("HANDOVER_MAGIC", HANDOVER_MAGIC, "u")}${
    numbers("HANDOVER_", { version: HANDOVER_VERSION, size: HANDOVER_SIZE })
  }${numbers("PART_", positions(HANDOVER_PARTS))}${
    numbers("HANDOVER_", HANDOVER_FLAG)
  }${numbers("HANDOVER_AT_", HANDOVER)}${numbers("PHASE_", FAILURE_PHASE)}${
    numbers("FAILURE_", FAILURE)
  }${numbers("ANSWER_", ANSWER)}${
    numbers("", { parts: HANDOVER_PARTS.length, headSize: HEAD_SIZE })
  }
/* Descriptors, launch/lower/descriptors.ts; our own are HIGH or higher, ffi/fcntl.ts */
${numbers("TO_", { plan, status, self, lifeline, walk, cgroups, preserved })}${
    numbers("", { high: HIGH })
  }
/* The keeper, launch/keeper.ts */
${macro("KEEPER_MAGIC", KEEPER_MAGIC, "u")}${numbers("KEPT_", KEPT)}${
    numbers("CONFIG_", {
      size: CONFIG_SIZE,
      words: CONFIG.words,
      interactive: INTERACTIVE,
    })
  }${numbers("", { MAX_WORDS })}
/* The relay of published ports, launch/ports/layout.ts */
${macro("PORT_MAGIC", RELAY_CONFIG.magic, "u")}${
    numbers("PORT_", {
      head: RELAY_CONFIG.head,
      entry: RELAY_CONFIG.entry,
      ...RELAY_DESCRIPTOR,
      ...ENTRY_FLAG,
    })
  }
/* The helper for files, launch/files_layout.ts */
${
    numbers("", {
      filesRoom: FILES_ROOM,
      requestSize: REQUEST_SIZE,
      fileCallSize: FILE_CALL_SIZE,
      checkWord: CHECK_WORD,
    })
  }${numbers("ARGUMENT_IS_", ARGUMENT_IS)}${
    numbers("FILE_CALL_FLAG_", FILE_CALL_FLAG)
  }
/* The messages of PID 1, launch/lower/news.ts */
${numbers("NEWS_", NEWS)}
/* The walker's argv[0] */
${text("WALKER_NAME", WALKER_NAME)}
/* Sets of signals: plan/child.ts, launch/attend/early_end.ts */
${signals("SIGNALS_FORWARDED", FORWARDED)}${
    signals("SIGNALS_TAKEN", TAKEN_BY_CHILD)
  }${
    signals("SIGNALS_ENDING", ENDING)
  }/* In the order of the messages of plain runs */
#define ENDING_IN_ORDER {${signalNumbers(ENDING).join(", ")}}
${numbers("", { SIGNAL_FOREGROUND, ...SIGNAL })}
/* The first slots of plain runs, launch/plain_kinds.ts */
${numbers("PLAIN_", positions(PLAIN_SLOTS))}${numbers("KIND_", PLAIN_KIND)}${
    numbers("", { CONDITIONS })
  }
/* Reused plans, launch/reused_plan.ts */
${macro("REUSED_MAGIC", REUSED.magic, "UL")}${
    macro("REUSED_FIRST", REUSED.first, "u")
  }${macro("REUSED_SECOND", REUSED.second, "u")}${
    macro("REUSED_FACTOR", REUSED.factor, "u")
  }${macro("REUSED_OTHER_FACTOR", REUSED.otherFactor, "u")}${
    numbers("REUSED_", { most: REUSED.most, program: REUSED.program })
  }${
    numbers("REUSED_", REUSED_FLAG)
  }/* The directories of the root filesystem in which a plain run has mounts */
${text("TAKEN_AT_TOP", TAKEN_AT_TOP.map((path) => `${path}\\0`).join(""))}`;

/** Writes the header. */
export const writeConstants = (): Promise<void> =>
  Deno.writeTextFile(CONSTANTS, constantsHeader());
