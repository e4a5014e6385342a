/**
 * The mount calls of the parent on the host: launch/host/host_mounts.ts makes
 * them directly, and not from a compiled plan. Pure.
 */

import { toBytes } from "../../ffi/text.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  F_DUPFD_CLOEXEC,
  HIGH,
  LOCK,
  O,
} from "../../ffi/fcntl.ts";
import {
  AT_RECURSIVE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  mountAttributes,
  MS_PROPAGATION,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import type { StepOf } from "../../plan/step.ts";
import type {
  Argument,
  Call,
  Instruction,
} from "../../launch/bytecode/call.ts";
import type { IdMaps } from "../../launch/host/id_maps.ts";
import { NAME_MAX } from "../../launch/host/loop_device.ts";
import { lower } from "../../launch/lower/lower.ts";
import { HOLD_STEPS } from "../../launch/host/user_namespace.ts";
import { mapCalls } from "./host_calls.ts";
import { plain } from "./notation.ts";
import type { Process, TracedCall } from "./traced_call.ts";

/**
 * Formats instructions. It is a parameter because its module imports this one.
 */
type Show = (instructions: readonly Instruction[]) => string[];

const by = (process: Process, texts: readonly string[]): TracedCall[] =>
  texts.map((text) => ({ process, text }));

const slot = (name: string) => ({ slot: name }) as const;

const close = (name: string): Call => ({ name: "close", args: [slot(name)] });

const openat = (path: string, flags: number, result: string): Call => ({
  name: "openat",
  args: [AT_FDCWD, path, flags | O.O_CLOEXEC, 0],
  result,
});

/**
 * Moves a new descriptor to a high number, away from those for the container.
 */
const moved = (call: Call, result: string): Call[] => [
  { ...call, result: `low_${result}` },
  {
    name: "fcntl",
    args: [slot(`low_${result}`), F_DUPFD_CLOEXEC, HIGH],
    result,
  },
  close(`low_${result}`),
];

/** The calls of a mapMount step. */
export function mapMountCalls(
  { source, recursive, mapsBelow, propagation, uids, gids }: StepOf<
    "mapMount"
  >,
  show: Show,
): TracedCall[] {
  const below = recursive ? AT_RECURSIVE : 0;
  const set = (flags: number, attributes: Argument): Call => ({
    name: "mount_setattr",
    args: [
      slot("mount"),
      "",
      AT_EMPTY_PATH | flags,
      attributes,
      MOUNT_ATTR_SIZE,
    ],
  });
  const idmap = mountAttributes(MOUNT_ATTR.MOUNT_ATTR_IDMAP, {});
  return [
    ...userNamespaceCalls(
      { uids, gids, helper: false, denySetgroups: false },
      show,
    ),
    ...by(
      "parent",
      show([
        ...moved({
          name: "open_tree",
          args: [
            AT_FDCWD,
            source,
            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below,
          ],
        }, "mount"),
        set(
          below,
          mountAttributes(0, { propagation: MS_PROPAGATION[propagation] }),
        ),
        set(mapsBelow ? below : 0, idmap),
        close("userns"),
      ]).map((text) =>
        text.includes("MOUNT_ATTR_IDMAP")
          ? text.replace("userns_fd=0", "userns_fd=<userns>")
          : text
      ),
    ),
  ];
}

/**
 * The calls of launch/host/user_namespace.ts: a process holds the namespace
 * until the parent has opened it.
 */
function userNamespaceCalls(
  maps: IdMaps,
  show: Show,
): TracedCall[] {
  const held = (text: string) => text.replaceAll("<pid>", "<mapped>");
  const [clone, ...rest] = HOLD_STEPS.map((step) => show(lower(step)));
  const waits = rest.pop() ?? [];
  return [
    ...by("mapper", clone!.map(held)),
    ...by("mapped", rest.flat()),
    ...by(
      "mapped",
      waits.map((text) => text.replace(/ = .*$/, " = ? /* until killed */")),
    ),
    ...mapCalls(maps).map(({ process, text }) => ({
      process,
      text: held(text),
    })),
    ...by(
      "parent",
      show([
        ...moved(openat("/proc/<mapped>/ns/user", O.O_RDONLY, ""), "userns"),
        { name: "kill", args: [slot("mapped"), SIGNAL.SIGKILL] },
      ]),
    ),
  ];
}

/** The calls of a mountImage step. */
export function mountImageCalls(
  { image, type, readonly }: StepOf<"mountImage">,
  show: Show,
): TracedCall[] {
  const access = readonly ? O.O_RDONLY : O.O_RDWR;
  const context = slot("context");
  const attributes = MOUNT_ATTR.MOUNT_ATTR_NODEV |
    (readonly ? MOUNT_ATTR.MOUNT_ATTR_RDONLY : 0);
  const set = (command: number, key: string | null, value?: string): Call => ({
    name: "fsconfig",
    args: [context, command, key, value ?? null, 0],
  });
  return by("parent", [
    ...show([
      openat(image, access, "image"),
      {
        name: "flock",
        args: [
          slot("image"),
          (readonly ? LOCK.shared : LOCK.exclusive) | LOCK.atOnce,
        ],
      },
      openat("/dev/loop-control", O.O_RDWR, "control"),
    ]),
    "ioctl(<control>, LOOP_CTL_GET_FREE) = <number>",
    ...show(moved(openat("/dev/loop<number>", access, ""), "disk")),
    `ioctl(<disk>, LOOP_CONFIGURE, ${
      loopConfiguration(image, readonly)
    }) = 0 /* or EBUSY: the next free one */`,
    ...show([
      close("control"),
      close("image"),
      ...moved({ name: "fsopen", args: [type, FSOPEN_CLOEXEC] }, "context"),
      set(FSCONFIG.FSCONFIG_SET_STRING, "source", "/proc/self/fd/<disk>"),
      ...(readonly ? [set(FSCONFIG.FSCONFIG_SET_FLAG, "ro")] : []),
      set(FSCONFIG.FSCONFIG_CMD_CREATE, null),
      ...moved({
        name: "fsmount",
        args: [context, FSMOUNT_CLOEXEC, attributes],
      }, "mount"),
      close("context"),
      close("disk"),
    ]),
  ]);
}

function loopConfiguration(image: string, readonly: boolean): string {
  const name = toBytes(image).subarray(0, NAME_MAX);
  const flags = `${readonly ? "LO_FLAGS_READ_ONLY|" : ""}LO_FLAGS_AUTOCLEAR`;
  return `{fd=<image>, block_size=0, info={lo_offset=0, lo_number=0, lo_flags=${flags}, lo_file_name=${
    plain(name)
  }, ...}}`;
}
