/**
 * Fills an empty directory with one of a container's root filesystem, before
 * that exists. A process in a mount namespace of its own, and as an ordinary
 * user also in a user namespace like the container's, mounts the layers and
 * executes cp(1). Runs on the host, in the parent.
 */

import { variable } from "../../ffi/environment.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  type Descriptor,
  emptyMemoryFile,
  moveUp,
  O,
  open,
  pipe,
  writeAll,
} from "../../ffi/fcntl.ts";
import {
  AT_RECURSIVE,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  mountAttributes,
} from "../../ffi/mount.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/openat2.ts";
import { receive, socketPair } from "../../ffi/socket.ts";
import { wait } from "../../ffi/wait.ts";
import type { VolumeContent } from "../../plan/host_kinds.ts";
import { mountLayers } from "../../plan/mounts/image_layers.ts";
import { STAGING } from "../../plan/mounts/host_tree.ts";
import { candidates } from "../../plan/process/candidates.ts";
import type { Step, StepOf } from "../../plan/step.ts";
import type { Instruction } from "../bytecode/call.ts";
import { DESCRIPTOR } from "../lower/descriptors.ts";
import { lower } from "../lower/lower.ts";
import { clone } from "../lower/mounts.ts";
import { clonedPid, walk } from "../walker.ts";
import { cannotCopy } from "./cannot_copy.ts";
import { compileParts, enter, textOf } from "./copy_up_inside.ts";
import { mapIds } from "./id_maps.ts";

const [SOURCE, TARGET, ROOT] = [20, 21, 22];

/** How the copying process says that there is nothing to copy. */
const NOTHING = 77;

const why = "the root filesystem is mounted where no other process sees it";

/** The steps into the namespaces. */
function arrive({ inside, namespace }: VolumeContent): Step[] {
  return [
    ...(inside && namespace ? enter(namespace) : [
      {
        step: "clone",
        namespaces: ["mount"],
        why,
        man: "clone(2), mount_namespaces(7)",
      },
      {
        step: "setParentDeathSignal",
        signal: "SIGKILL",
        why,
        man: "prctl(2)",
      },
    ] as Step[]),
    {
      step: "mount",
      source: null,
      target: "/",
      type: null,
      flags: ["MS_REC", "MS_PRIVATE"],
      data: null,
      why,
      man: "mount(2)",
    },
  ];
}

/** The steps that mount the layers of an image. */
const mounting = ({ root }: VolumeContent): Step[] =>
  typeof root === "object" && "layers" in root
    ? mountLayers({ ...root, changes: null, volatile: false }, STAGING)
    : [];

/**
 * A view of a directory in which no link is followed: cp(1) works with paths,
 * and a container that changes the same files could put links there.
 */
const withoutLinks = (slot: string, number: number): Instruction[] => [
  clone({ slot }, "", AT_EMPTY_PATH | AT_RECURSIVE, `${slot}Mount`),
  {
    name: "mount_setattr",
    args: [
      { slot: `${slot}Mount` },
      "",
      AT_EMPTY_PATH | AT_RECURSIVE,
      mountAttributes(MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW),
      MOUNT_ATTR_SIZE,
    ],
    // Before Linux 5.14 there is no such attribute.
    expect: ["EINVAL"],
  },
  { name: "dup3", args: [{ slot: `${slot}Mount` }, number, 0] },
];

const openDirectory = (path: string, result: string): Instruction => ({
  name: "openat",
  args: [AT_FDCWD, path, O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC, 0],
  result,
});

/** Opens the directory that is filled, before a mount may hide its path. */
const opening = (target: string): Instruction[] => [
  openDirectory(target, "target"),
  ...withoutLinks("target", TARGET),
];

/** Opens what is copied, and executes the copy. */
function copying(
  step: StepOf<"makeVolume">,
  { place, root }: VolumeContent,
): Instruction[] {
  const env = [`PATH=${variable("PATH") ?? "/usr/bin:/bin"}`];
  const path = typeof root === "string" ? root : STAGING;
  const at = (fd: number) => `/proc/self/fd/${fd}/.`;
  const copy: Instruction[] = [
    ...withoutLinks("source", SOURCE),
    ...lower({
      step: "execute",
      candidates: candidates("cp", env),
      argv: ["cp", "-a", "--", at(SOURCE), at(TARGET)],
      env,
      why: step.why,
      man: "cp(1)",
    }),
  ];
  const isFile = typeof root === "object" && "image" in root;
  return [
    ...(isFile ? [] : [openDirectory(path, "root")]),
    {
      name: "openat2",
      args: [
        isFile ? ROOT : { slot: "root" },
        place,
        openHow(
          O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC,
          RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        ),
        OPEN_HOW_SIZE,
      ],
      result: "source",
      expect: ["ENOENT", "ENOTDIR"],
      skipOnExpected: copy.length,
    },
    ...copy,
    { name: "exit_group", args: [NOTHING] },
  ];
}

/**
 * Copies with owners, modes, times, links and extended attributes.
 *
 * @returns false if the root filesystem has no such directory
 * @throws StepError if a mount fails, ContainerError if the copy fails
 */
export async function fillDirectory(
  step: StepOf<"makeVolume">,
  content: VolumeContent,
  target: string,
): Promise<boolean> {
  const { root, inside, namespace } = content;
  using held = new DisposableStack();
  const [ours, theirs] = socketPair().map((end) => held.use(moveUp(end)));
  const { read, write } = pipe();
  const [begin, waiting] = [held.use(write), held.use(moveUp(read))];
  const nothing = held.use(moveUp(open("/dev/null", O.O_RDWR)));
  const said = held.use(moveUp(emptyMemoryFile("cp")));
  const mounted = await mountFile(root, held);
  if (typeof root === "object" && "empty" in root) {
    await Deno.mkdir(root.empty, { recursive: true, mode: 0o755 });
  }
  const [before, after] = [arrive(content), mounting(content)];
  const walking = held.use(
    walk(
      compileParts([
        ...before.map(lower),
        opening(target),
        ...after.map(lower),
        copying(step, content),
      ]),
      () => [...before, step, ...after, step],
      {
        fds: {
          ...{ 0: nothing, 1: nothing, 2: said },
          [DESCRIPTOR.status]: theirs,
          [DESCRIPTOR.lifeline]: waiting,
          ...(mounted ? { [ROOT]: mounted } : {}),
        },
      },
    ),
  );
  const pid = clonedPid(walking);
  theirs!.close();
  if (inside && namespace) {
    if (namespace.path === undefined) mapIds(pid, namespace);
    writeAll(begin.fd, new Uint8Array(1));
  }
  // Returns when the copy has ended, which closes the other end of the socket.
  await receive(ours!.fd);
  const status = wait(pid);
  walking.check();
  if (status && "exited" in status) {
    if (status.exited === 0) return true;
    if (status.exited === NOTHING) return false;
  }
  throw cannotCopy(step, textOf(said));
}

/** Mounts the file system in an image file. */
async function mountFile(
  root: VolumeContent["root"],
  held: DisposableStack,
): Promise<Descriptor | null> {
  if (typeof root === "string" || !("image" in root)) return null;
  const { mountImage } = await import("./image_mount.ts");
  return held.use(mountImage({
    step: "mountImage",
    ...root,
    readonly: true,
    descriptor: ROOT,
    why: "a volume is filled from it",
    man: "loop(4)",
    undo: "kernel",
  }));
}
