/**
 * Carries out tmpcopyup for an ordinary user. Such a user may mount in a user
 * namespace only, and only there do the container's files have the container's
 * owners. A process enters a namespace like the container's, makes the tmpfs,
 * sends it to us and executes the copy. Runs on the host, in the parent.
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
  readAt,
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
import { candidates } from "../../plan/process/candidates.ts";
import type { Step, StepOf } from "../../plan/step.ts";
import type { Instruction } from "../bytecode/call.ts";
import { cannotCopy } from "./cannot_copy.ts";
import { descriptorMessage } from "../lower/descriptor_message.ts";
import { DESCRIPTOR } from "../lower/descriptors.ts";
import { mapIds } from "./id_maps.ts";
import { encodeInstructions } from "../bytecode/encode.ts";
import { lower } from "../lower/lower.ts";
import { attributeBits, clone, create } from "../lower/mounts.ts";
import type { Program } from "../program.ts";
import { clonedPid, walk } from "../walker.ts";

const MSG_NOSIGNAL = 0x4000;
const [SOURCE, MOUNT] = [20, 21];

type Namespace = NonNullable<StepOf<"copyUp">["namespace"]>;

/**
 * The steps into the namespaces; the process waits until its ids are mapped.
 */
export function enter({ path, denySetgroups }: Namespace): Step[] {
  const why = "an ordinary user may mount in a user namespace only";
  return [
    ...(path === undefined ? [] : [
      {
        step: "joinNamespaces",
        namespaces: [{ type: "user", path }],
        why,
        man: "setns(2)",
      } as const,
    ]),
    {
      step: "clone",
      namespaces: path === undefined ? ["user", "mount"] : ["mount"],
      why,
      man: "clone(2)",
    },
    { step: "waitForParent", why, man: "read(2)" },
    {
      step: "setIds",
      uid: 0,
      gid: 0,
      groups: denySetgroups ? null : [],
      why,
      man: "setresuid(2)",
    },
    {
      step: "setParentDeathSignal",
      signal: "SIGKILL",
      why,
      man: "prctl(2)",
    },
  ];
}

/** Copies with owners, modes, times, links and extended attributes. */
const COPY =
  'cp -a -- "$1/." "$2/." && if [ -n "$3" ]; then chmod "$3" "$2/."; fi';

/**
 * Makes the tmpfs, then copies the covered directory; links are resolved inside
 * the root filesystem.
 */
function copying(step: StepOf<"copyUp">): Instruction[] {
  const path = variable("PATH") ?? "/usr/bin:/bin";
  const env = [`PATH=${path}`];
  const mode = step.options.find((option) => option.startsWith("mode="));
  const place = (fd: number) => `/proc/self/fd/${fd}`;
  const copy: Instruction[] = [
    clone({ slot: "covered" }, "", AT_EMPTY_PATH | AT_RECURSIVE, "source"),
    {
      name: "mount_setattr",
      args: [
        ...[{ slot: "source" }, "", AT_EMPTY_PATH | AT_RECURSIVE] as const,
        mountAttributes(MOUNT_ATTR.MOUNT_ATTR_NOSYMFOLLOW),
        MOUNT_ATTR_SIZE,
      ],
      // Before Linux 5.14 there is no such attribute.
      expect: ["EINVAL"],
    },
    { name: "dup3", args: [{ slot: "source" }, SOURCE, 0] },
    ...lower({
      step: "execute",
      candidates: candidates("sh", env),
      argv: [
        ...["sh", "-c", COPY, "sh", place(SOURCE), place(MOUNT)],
        mode?.slice("mode=".length) ?? "",
      ],
      env,
      why: step.why,
      man: "cp(1)",
    }),
  ];
  return [
    ...create(
      "tmpfs",
      "tmpfs",
      step.options,
      attributeBits(
        step.attributes.filter((name) => name !== "MOUNT_ATTR_RDONLY"),
      ),
      "mount",
    ),
    { name: "dup3", args: [{ slot: "mount" }, MOUNT, 0] },
    {
      name: "sendmsg",
      args: [DESCRIPTOR.status, descriptorMessage(1, MOUNT), MSG_NOSIGNAL],
    },
    {
      name: "openat",
      args: [
        AT_FDCWD,
        step.root,
        O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC,
        0,
      ],
      result: "root",
    },
    {
      name: "openat2",
      args: [
        { slot: "root" },
        step.place,
        openHow(
          O.O_RDONLY | O.O_DIRECTORY | O.O_CLOEXEC,
          RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        ),
        OPEN_HOW_SIZE,
      ],
      result: "covered",
      expect: ["ENOENT", "ENOTDIR"],
      skipOnExpected: copy.length,
    },
    ...copy,
    { name: "exit_group", args: [0] },
  ];
}

/** Compiles the instructions of each step. */
export function compileParts(parts: readonly Instruction[][]): Program {
  const { bytes, slots } = encodeInstructions(parts.flat());
  const counts = parts.map(({ length }) => length);
  return { bytes, slots, counts, pointers: [] };
}

/**
 * Carries out a copyUp step in a user namespace.
 *
 * @throws StepError if the mount fails, ContainerError if the copy fails
 */
export async function copyUpInside(
  step: StepOf<"copyUp">,
  namespace: Namespace,
): Promise<Descriptor> {
  using held = new DisposableStack();
  const [ours, theirs] = socketPair().map((end) => held.use(moveUp(end)));
  const { read, write } = pipe();
  const [begin, waiting] = [held.use(write), held.use(moveUp(read))];
  const nothing = held.use(moveUp(open("/dev/null", O.O_RDWR)));
  const said = held.use(moveUp(emptyMemoryFile("cp")));
  const steps = enter(namespace);
  const walking = held.use(
    walk(compileParts([...steps.map(lower), copying(step)]), () => [
      ...steps,
      step,
    ], {
      fds: {
        ...{ 0: nothing, 1: nothing, 2: said },
        [DESCRIPTOR.status]: theirs,
        [DESCRIPTOR.lifeline]: waiting,
      },
    }),
  );
  const pid = clonedPid(walking);
  theirs!.close();
  if (namespace.path === undefined) mapIds(pid, namespace);
  writeAll(begin.fd, new Uint8Array(1));
  const message = await receive(ours!.fd);
  const mount = message?.descriptor ?? null;
  try {
    // Returns when the copy has ended, which closes the other end of the
    // socket.
    if (mount) await receive(ours!.fd);
    const status = wait(pid);
    walking.check();
    const failed = !status || !("exited" in status) || status.exited !== 0;
    if (!mount || failed) throw cannotCopy(step, textOf(said));
    return moveUp(mount);
  } catch (error) {
    mount?.close();
    throw error;
  }
}

/** The beginning of what a program has written. */
export function textOf({ fd }: Descriptor): string {
  const bytes = new Uint8Array(4096);
  return new TextDecoder().decode(bytes.subarray(0, readAt(fd, bytes, 0)));
}
