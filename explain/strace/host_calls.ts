/**
 * The system calls of the parent on the host that do not come from a compiled
 * plan: Deno's file functions make them. Pure.
 */

import type { HostStep, StepOf } from "../../plan/step.ts";
import type { IdMapping } from "../../spec/types.ts";
import type { IdMaps } from "../../launch/host/id_maps.ts";
import { PIPE_SIZE } from "../../launch/host/relay_pipe.ts";
import { plain } from "./notation.ts";
import type { Process, TracedCall } from "./traced_call.ts";

const encoder = new TextEncoder();

const calls = (process: Process, texts: readonly string[]): TracedCall[] =>
  texts.map((text) => ({ process, text }));

/** The calls that write a text to a file. */
function writing(path: string, text: string, remark = ""): string[] {
  const inProc = path.startsWith("/proc/");
  return [
    `openat(AT_FDCWD, ${plain(path)}, O_WRONLY|${
      inProc ? "O_CREAT|" : ""
    }O_TRUNC|O_CLOEXEC${inProc ? ", 0666" : ""}) = <file>${remark}`,
    `write(<file>, ${plain(text)}, ${encoder.encode(text).length}) = ${
      encoder.encode(text).length
    }`,
    "close(<file>) = 0",
  ];
}

const lines = (maps: readonly IdMapping[]) =>
  maps.map((map) => `${map.containerID} ${map.hostID} ${map.size}\n`).join("");

const words = (maps: readonly IdMapping[]) =>
  maps.flatMap((map) => [
    String(map.containerID),
    String(map.hostID),
    String(map.size),
  ]);

/** The calls of launch/host/id_maps.ts. */
export function mapCalls(
  { uids, gids, helper, denySetgroups }: IdMaps,
): TracedCall[] {
  const file = (name: string) => `/proc/<pid>/${name}`;
  const run = (
    program: "newuidmap" | "newgidmap",
    maps: readonly IdMapping[],
  ) =>
    calls(program, [
      `execve(<${program}>, ${
        plain([program, "<pid>", ...words(maps)])
      }, ...) = 0`,
    ]);
  return [
    ...calls(
      "parent",
      denySetgroups ? writing(file("setgroups"), "deny") : [],
    ),
    ...(helper
      ? [...run("newgidmap", gids), ...run("newuidmap", uids)]
      : calls("parent", [
        ...writing(file("gid_map"), lines(gids)),
        ...writing(file("uid_map"), lines(uids)),
      ])),
  ];
}

/**
 * The calls of launch/attend/stream_relay.ts before the launch. The number of
 * calls for copying depends on the amount of data.
 */
export const relayCalls = (): TracedCall[] =>
  calls("parent", [
    "pipe2([...], O_CLOEXEC) = 0",
    `fcntl(..., F_SETPIPE_SZ, ${PIPE_SIZE}) = ? /* or EPERM */`,
  ]);

/** The steps that consist of calls with paths. */
type FileStep = Exclude<
  HostStep,
  { step: "mapIds" | "relayStream" | "mapMount" | "mountImage" | "copyUp" }
>;

/** The calls of steps that work with files: cgroups, directories, records. */
export const fileCalls = (step: FileStep): TracedCall[] =>
  calls("parent", applied(step));

function applied(step: FileStep): string[] {
  switch (step.step) {
    case "recordUndos":
      return recording(step);
    case "makeDirectory":
      return making(step);
    case "writeHostFile":
      return writing(
        step.path,
        step.value,
        step.optional || step.instead ? " /* or ENOENT: skip 2 */" : "",
      );
    case "fillCpuset":
      return copying(step.from, step.path);
    case "takeCgroup":
      return [];
    // These calls depend on the programs that are attached at that time.
    case "attachDevices":
      return [];
    case "giveCgroup":
      return [`chown(${plain(`${step.path}/`)}, ${step.uid}, -1) = 0`];
    // systemd is asked with messages of D-Bus.
    case "startScope":
      return [`mkdir(${plain(step.own)}, 0777) = 0`];
    case "keepChanges":
      return keepingChanges(step);
    case "keepUses":
      return [
        ...locking(step.lock),
        `mkdir(${
          plain(step.directory)
        }, 0700) = 0 /* or EEXIST; then skip 1 */`,
        `rename(..., ${plain(`${step.directory}/uses.json`)}) = 0`,
        "close(<lock>) = 0",
      ];
    // The copy is made by cp(1).
    case "makeVolume":
      return [
        ...locking(step.lock),
        `mkdir(${
          plain(step.directory)
        }, 0700) = 0 /* or EEXIST; then skip 3 */`,
        `mkdir(${plain(`${step.directory}/_data`)}, 0755) = 0`,
        `chmod(${plain(`${step.directory}/_data`)}, 0755) = 0`,
        `rename(..., ${plain(`${step.directory}/volume.json`)}) = 0`,
        "close(<lock>) = 0",
        ...locking(`${step.directory}/lock`),
        "close(<lock>) = 0",
      ];
    case "makeFifo":
      return [`mknodat(AT_FDCWD, ${plain(step.path)}, S_IFIFO|0600) = 0`];
    case "joinClass":
      return [
        `openat(AT_FDCWD, ${
          plain(step.path)
        }, O_WRONLY|O_TRUNC|O_CLOEXEC) = <file>`,
        "write(<file>, ..., ...) = ?",
        "close(<file>) = 0",
      ];
    // Messages of netlink(7), whose numbers are known only at run time.
    case "moveDevice":
    case "makeBridge":
    case "filterNetwork":
    case "startResolver":
    case "attachLink":
    case "detachLink":
    case "startWayOut":
      return [];
    // What they do depends on the other containers at that time.
    case "recordNetwork":
    case "joinNetwork":
    case "allowForwarding":
    case "makeHosts":
    case "reservePorts":
    case "publishPorts":
    case "startRelay":
    case "changeHosts":
      return [];
    case "writeIdFile":
      return [
        `openat(AT_FDCWD, ${
          plain(step.path)
        }, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0644) = <file>`,
        `write(<file>, ${
          plain(step.id)
        }, ${step.id.length}) = ${step.id.length}`,
        "close(<file>) = 0",
      ];
    // A restart uses the file of the last end.
    case "reserveEnd":
      return [
        `rename(${plain(step.path)}, ${
          plain(`${step.path}.new`)
        }) = 0 /* or ENOENT; then skip 3 */`,
        `openat(AT_FDCWD, ${
          plain(`${step.path}.new`)
        }, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600) = <file>`,
        "write(<file>, ..., ...) = ?",
        "close(<file>) = 0",
      ];
    case "reserveProfile": {
      const call = `openat(AT_FDCWD, ${
        plain(step.path)
      }, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666)`;
      return step.undo === "kept"
        ? [`${call} = ? /* or EEXIST */`]
        : [`${call} = <file>`, "close(<file>) = 0"];
    }
    case "writePidFile":
      return [`rename(..., ${plain(step.path)}) = 0`];
  }
}

/** A directory of the state. It gets its mode whatever the umask is. */
const keeping = (path: string, mode: string, known = false): string[] => [
  `mkdir(${path}, ${mode}) = 0${known ? "" : " /* or EEXIST: skip 1 */"}`,
  `chmod(${path}, ${mode}) = 0`,
];

const locking = (lock: string): string[] => [
  `openat(AT_FDCWD, ${plain(lock)}, O_RDWR|O_CREAT|O_CLOEXEC, 0600) = <lock>`,
  "flock(<lock>, LOCK_EX) = 0",
];

/** The owner and mode of the changes are those of the image's top layer. */
function keepingChanges(
  { directory, lock }: StepOf<"keepChanges">,
): string[] {
  const upper = plain(`${directory}/upper`);
  return [
    ...locking(lock),
    `mkdir(${plain(directory)}, 0700) = 0 /* or EEXIST; then skip 5 */`,
    `mkdir(${plain(`${directory}/work`)}, 0700) = 0`,
    `mkdir(${upper}, 0755) = 0`,
    `chown(${upper}, ..., ...) = 0`,
    `chmod(${upper}, ...) = 0`,
    `rename(..., ${plain(`${directory}/uses.json`)}) = 0`,
    "close(<lock>) = 0",
  ];
}

/** The record is written under another name, and renamed. */
function recording({ directory, container }: StepOf<"recordUndos">): string[] {
  if (directory === undefined) {
    return [
      ...keeping("...", "0711"),
      ...keeping("...", "0700"),
      "openat(AT_FDCWD, ..., O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600) = <record>",
      "write(<record>, ..., ...) = ?",
      "close(<record>) = 0",
      "rename(..., ...) = 0",
    ];
  }
  const end = directory.lastIndexOf("/");
  const [above, id] = [directory.slice(0, end), directory.slice(end + 1)];
  return [
    ...keeping(plain(above), "0711"),
    ...keeping(plain(directory), "0711", true),
    `rename(..., ${plain(`${directory}/state.json`)}) = 0`,
    ...(container === undefined ? [] : [
      ...keeping(plain(`${above}/@names`), "0711"),
      `symlink(${plain(id)}, ${plain(`${above}/@names/${container}`)}) = 0`,
    ]),
  ];
}

function making(
  { path, mode, exact, owner, exclusive }: StepOf<"makeDirectory">,
): string[] {
  const octal = (number: number) => `0${number.toString(8)}`;
  const id = (number: number | null) => number === null ? "-1" : `${number}`;
  const after = [
    ...(mode === undefined || !exact
      ? []
      : [`chmod(${plain(path)}, ${octal(mode)}) = 0`]),
    ...(owner
      ? [`chown(${plain(path)}, ${id(owner.uid)}, ${id(owner.gid)}) = 0`]
      : []),
  ];
  const made = `mkdir(${plain(path)}, ${octal(mode ?? 0o777)}) = 0`;
  const skip = after.length ? `: skip ${after.length}` : "";
  return [exclusive ? made : `${made} /* or EEXIST${skip} */`, ...after];
}

/** The calls that fill a new, empty cpuset. Only the kernel knows the value. */
const copying = (from: string, path: string): string[] => [
  `openat(AT_FDCWD, ${plain(path)}, O_RDONLY|O_CLOEXEC) = <empty>`,
  "close(<empty>) = 0",
  `openat(AT_FDCWD, ${plain(from)}, O_RDONLY|O_CLOEXEC) = <above>`,
  "close(<above>) = 0",
  `openat(AT_FDCWD, ${plain(path)}, O_WRONLY|O_TRUNC|O_CLOEXEC) = <file>`,
  "write(<file>, ..., ...) = ?",
  "close(<file>) = 0",
];
