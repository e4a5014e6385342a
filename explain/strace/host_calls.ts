/**
 * The system calls of the parent on the host that do not come from a compiled
 * plan: Deno's file functions make them. Pure.
 */

import type { CgroupPlan, CgroupStep } from "../../cgroup/step.ts";
import type { StepOf } from "../../plan/step.ts";
import type { IdMapping } from "../../spec/types.ts";
import { PIPE_SIZE } from "../../launch/attend/stream_relay.ts";
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
  { uids, gids, helper, denySetgroups }: StepOf<"mapIds">,
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

/** The calls of cgroup/apply.ts. */
export function cgroupCalls(cgroup: CgroupPlan | null): TracedCall[] {
  return calls("parent", (cgroup?.steps ?? []).flatMap(applied));
}

function applied(step: CgroupStep): string[] {
  switch (step.step) {
    case "makeDirectory":
      return [`mkdir(${plain(step.path)}, 0755) = 0 /* or EEXIST */`];
    case "write":
      return writing(
        step.path,
        step.value,
        step.optional || step.instead ? " /* or ENOENT: skip 2 */" : "",
      );
    case "copy":
      return copying(step.from, step.path);
    // These calls depend on the programs that are attached at that time.
    case "attachDevices":
      return [];
  }
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
