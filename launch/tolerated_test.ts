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
      "no command at this place: the next is looked at, and the last resort fails",
    ],
    ["ENOTDIR", "a command is no directory: this is what is asked for"],
  ],
  "lower/kernel_filesystems.ts": [
    ["EXDEV", "it is not on the kernel's file system: that is asked for"],
  ],
  "lower/landlock.ts": [
    [
      "EINVAL",
      "a file takes fewer rights than a directory: asked again with those, which must succeed",
    ],
  ],
  "lower/learning.ts": [["EINVAL", "it has this number already"]],
  "host/copy_up_inside.ts": [
    ["EINVAL", "before Linux 5.14 there is no nosymfollow: links stay inside"],
    ["ENOENT ENOTDIR", "nothing is covered, so nothing is copied"],
  ],
  "lower/devices.ts": [
    ["ENOENT", "a /dev that cannot be written to lacks the device"],
    ["EEXIST EROFS", "what is there is compared with the device next"],
  ],
  "lower/mounts.ts": [
    [
      "EEXIST EROFS EACCES EPERM",
      "a place for a mount is there, or cannot be made: the mount fails then",
    ],
    ["EACCES", "the same, on the way to it"],
    ["ENOENT", "a /dev of the host's lacks a device: none is lent there"],
    ["EINVAL ENOENT", "nothing is mounted there any more"],
    [
      "EEXIST EROFS",
      "a link in /dev is there, or cannot be: nothing is opened through it by us",
    ],
  ],
  "lower/namespaces.ts": [
    ["EINVAL", "it has this number already"],
    ["ENOSYS", "a kernel without keyrings has none of the caller's"],
  ],
  "lower/process.ts": [
    ["EINVAL", "prctl(2): the kernel has no such capability"],
    ["EACCES EPERM", "the directory may be closed to root: asked as the user"],
    ["EACCES", "it was closed to root: the user must be let in"],
    ["EACCES EPERM", "it is closed to the user, and root is in it already"],
    [
      "ENOENT ENOTDIR EACCES ELOOP ENAMETOOLONG",
      "no command at this place: the next is tried, and the last resort fails",
    ],
    ["ESRCH", "nothing is left to kill"],
  ],
  "lower/seals.ts": [
    ["ENOENT ENOTDIR", "no directory at a masked path: a file is tried next"],
    ["ENOENT ENOTDIR", "nothing at a masked path: nothing to see there"],
    ["ENOENT", "nothing at a read-only path: nothing to write to"],
  ],
  "lower/streams.ts": [
    [
      "ENOENT ENOTDIR ENXIO EACCES ELOOP EISDIR EPERM ENODEV",
      "no null device of the container's: one is made, which must succeed",
    ],
    ["ENODEV", "the same: it is another kind of file"],
    ["ENODEV", "the same: it is another device"],
    [
      "EPERM EINVAL EROFS",
      "a pipe stays the caller's: the command may do less with it",
    ],
  ],
  "lower/terminal.ts": [
    ["EEXIST EROFS EACCES EPERM", "no place for /dev/console: it is left out"],
    [
      "EINVAL EPERM",
      "the terminal cannot be mounted: /dev/console is left out",
    ],
    ["ENOENT", "the same"],
  ],
  "plain_run.ts": [[
    "EINVAL",
    "a stream is not the null device: nothing to replace",
  ]],
  "ready_plans.ts": [
    ["ESRCH", "the process is gone: what is done then comes next"],
    ["ENOENT ENXIO", "nobody waits to be started"],
    ["ENOENT ENXIO", "the same"],
    ["ESRCH", "the process is gone: nothing to end"],
    ["ESRCH", "the same"],
    ["EIO", "the process said why: that is kept, and the command fails"],
    ["ENOENT", "removed already"],
    ["ENOENT ...fine", "removed already, or what the caller names"],
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
