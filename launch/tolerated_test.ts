/**
 * Lists every error of a system call that a plan ignores, with the reason why
 * the container is no weaker for it. The test fails for an error that is not in
 * the list: a new one has to be justified. A step that protects may ignore only
 * "this kernel has no such thing".
 */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";

/** By file, in the order in which they occur there. */
const TOLERATED: Record<string, [errors: string, reason: string][]> = {
  "lower/hold.ts": [
    [
      "ENOENT ENOTDIR EACCES ELOOP ENAMETOOLONG",
      "the command is not at this path: the next path is tried, and the last instruction fails",
    ],
    ["ENOTDIR", "the path is not a directory, as a command must not be"],
  ],
  "lower/kernel_filesystems.ts": [
    [
      "EXDEV",
      "the path leaves the kernel's file system, which the check looks for",
    ],
  ],
  "lower/landlock.ts": [
    [
      "EINVAL",
      "a file accepts fewer rights than a directory: the next call asks for those and must succeed",
    ],
  ],
  "lower/learning.ts": [["EINVAL", "the descriptor already has this number"]],
  "host/copy_up_inside.ts": [
    [
      "EINVAL",
      "Linux before 5.14 has no nosymfollow: links are resolved inside anyway",
    ],
    [
      "ENOENT ENOTDIR",
      "the image has nothing at this path, so nothing is copied",
    ],
  ],
  "host/fill_directory.ts": [
    [
      "EINVAL",
      "Linux before 5.14 has no nosymfollow: links are resolved inside anyway",
    ],
    [
      "ENOENT ENOTDIR",
      "the image has nothing at this path, so nothing is copied",
    ],
  ],
  "lower/devices.ts": [
    ["ENOENT", "/dev is read-only and has no such device"],
    ["EEXIST EROFS", "the next step compares what is there with the device"],
  ],
  "lower/mounts.ts": [
    [
      "EEXIST EROFS EACCES EPERM",
      "the mountpoint exists, or cannot be made: then the mount fails",
    ],
    ["EACCES", "the same, for a directory above the mountpoint"],
    ["ENOENT", "the host's /dev has no such device, so none is provided"],
    ["EINVAL ENOENT", "nothing is mounted there"],
    [
      "EEXIST EROFS",
      "the link in /dev exists, or cannot be made: the program opens nothing through it",
    ],
  ],
  "lower/namespaces.ts": [
    ["EINVAL", "the descriptor already has this number"],
    ["ENOSYS", "a kernel without keyrings has no keyring of the caller"],
  ],
  "lower/process.ts": [
    ["EINVAL", "prctl(2): the kernel has no such capability"],
    [
      "EACCES EPERM",
      "root may not enter the directory: the next call tries as the user",
    ],
    ["EACCES", "root could not enter: the user must be able to"],
    ["EACCES EPERM", "the user may not enter, but root already has"],
    [
      "ENOENT ENOTDIR EACCES ELOOP ENAMETOOLONG",
      "the command is not at this path: the next path is tried, and the last instruction fails",
    ],
    ["ESRCH", "no process is left"],
  ],
  "lower/seals.ts": [
    [
      "ENOENT ENOTDIR",
      "the masked path is not a directory: the next call treats it as a file",
    ],
    ["ENOENT ENOTDIR", "the masked path does not exist, so it shows nothing"],
    ["ENOENT", "the read-only path does not exist, so nothing can be written"],
  ],
  "lower/streams.ts": [
    [
      "ENOENT ENOTDIR ENXIO EACCES ELOOP EISDIR EPERM ENODEV",
      "the container has no null device: the next step makes one and must succeed",
    ],
    ["ENODEV", "the same: the path is another kind of file"],
    ["ENODEV", "the same: the path is another device"],
    [
      "EPIPE EBADF EIO EAGAIN ENOSPC EINVAL ENXIO",
      "nobody can read the announcement of the command, which is only a message",
    ],
    [
      "EPERM EINVAL EROFS",
      "the pipe keeps its owner: the command can do less with it",
    ],
  ],
  "lower/terminal.ts": [
    [
      "EEXIST EROFS EACCES EPERM",
      "there is no mountpoint for /dev/console: it is left out",
    ],
    [
      "EINVAL EPERM",
      "the terminal cannot be mounted: /dev/console is left out",
    ],
    ["ENOENT", "the same"],
  ],
  "plain_kinds.ts": [[
    "EINVAL",
    "the stream is not the null device, so it is not replaced",
  ]],
  "ready_plans.ts": [
    ["ESRCH", "the process has ended: the next instructions handle that"],
    ["ENOENT ENXIO", "no process waits to be started"],
    ["ENOENT ENXIO", "the same"],
    ["ESRCH", "the process has already ended"],
    ["ESRCH", "the same"],
    ["EBUSY", "another signal: the process is left to end by itself"],
    [
      "EIO",
      "the process has reported why: the report is kept, and the command fails",
    ],
  ],
  "ready_undo.ts": [
    ["ESTALE", "another program has made it since, so it is left alone"],
    ["ENOENT ENOTDIR", "already removed"],
    ["ENOENT", "already removed"],
    ["ENOENT ...fine", "already removed, or an error that the caller allows"],
  ],
};

/** Returns the errors after each `expect:` in a source. */
const found = (source: string) =>
  [...source.matchAll(/\bexpect: \[((?:[^[\]]|\[[^[\]]*\])*)\]/g)].map((
    [, list = ""],
  ) => (list.match(/E[A-Z0-9]+|\.\.\.[a-z]\w*/g) ?? []).join(" "));

/**
 * Yields the sources of a folder and its subfolders, by their relative paths.
 */
function* sources(folder: string, within = ""): Generator<[string, string]> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path, `${within}${name}/`);
    else if (name.endsWith(".ts") && !/_(test|code)\.ts$/.test(name)) {
      yield [within + name, Deno.readTextFileSync(path)];
    }
  }
}

Deno.test("a plan ignores only errors that are known to be harmless", () => {
  const tolerated: Record<string, string[]> = {};
  for (const [name, source] of sources(import.meta.dirname!)) {
    const errors = found(source);
    if (errors.length) tolerated[name] = errors;
  }
  const known = Object.entries(TOLERATED).map(([name, rows]) =>
    [name, rows.map(([errors]) => errors)] as const
  );
  assertEquals(tolerated, Object.fromEntries(known));
});
