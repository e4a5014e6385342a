/** `container cp`: copies files into a container, or out of it. */

import {
  type ContainerFiles,
  filesOf,
} from "../../../containers/daily/files.ts";
import { inContainer, ownersIn } from "../../../containers/daily/side.ts";
import { ownFilesAs } from "../../../ffi/files/file_owner.ts";
import { Descriptor, O, open } from "../../../ffi/fcntl.ts";
import {
  archiveOf,
  type Side,
  sourceOf,
  type Target,
  targetOf,
} from "../../../images/copy/copy.ts";
import { extract, extractOwn } from "../../../images/copy/extract.ts";
import { openDirectoryBelow } from "../../../images/copy/place.ts";
import { pathError } from "../../../images/tar/errors.ts";
import { UsageError } from "../../../spec/errors.ts";
import type { Command } from "../../command.ts";
import { type Flag, type Flags, parseFlagsAndFiles } from "../../flags.ts";
import { printBytes, warn } from "../../output.ts";
import { CopyProgress } from "./copy_progress.ts";
import { readAt } from "../import_source.ts";
import {
  containerFor,
  type Found,
  refuseTerminal,
  whereFilesAre,
  whereItRuns,
} from "./stored_container.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "archive",
    short: "a",
    help: "Keep owners; without it files are root's inside, and yours outside",
  },
  {
    name: "follow-link",
    short: "L",
    help: "If the source is a symbolic link, copy what it leads to",
  },
  {
    name: "quiet",
    short: "q",
    help: "Print only errors (default if standard output is no terminal)",
  },
];

/** Copies files. */
export const cpCommand: Command = {
  name: "cp",
  summary: "Copy files between a container and the host",
  usage:
    "[flags] CONTAINER:SOURCE DESTINATION|- | SOURCE|- CONTAINER:DESTINATION",
  flags: FLAGS,
  examples: [
    ["sudo container cp web:/var/log/app.log .", "out of a container"],
    ["sudo container cp site/. web:/srv", "what is in a directory, into one"],
    ["sudo container cp web:/etc - | tar -t", "as a tar file"],
    ["tar -c . | sudo container cp - web:/srv", "from a tar file"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndFiles(FLAGS, argv, "container cp");
    const [source, destination, ...more] = flags.rest;
    if (source === undefined || destination === undefined || more.length) {
      throw new UsageError(
        "container cp takes a source and a destination",
        "See container cp --help.",
      );
    }
    const from = parsePath(source);
    const to = parsePath(destination);
    if (from.container !== null && to.container !== null) {
      throw new UsageError(
        "Cannot copy between containers",
        `Copy to the host first, or use a pipe: container cp ${source} - | container cp - ${to.container}:DIRECTORY.`,
      );
    }
    const word = from.container ?? to.container;
    if (word === null) {
      throw new UsageError(
        "Neither the source nor the destination is in a container",
        "Write a path in a container as CONTAINER:PATH.",
      );
    }
    const found = containerFor(word);
    const status = await whereItRuns(found, ["cp", ...argv]) ??
      await whereFilesAre(found, ["cp", ...argv]);
    if (status !== null) return status;
    return from.container === null
      ? await copyIn(from.path, { found, path: to.path, destination }, flags)
      : copyOut({ found, path: from.path, source }, to.path, flags);
  },
};

/** `CONTAINER:PATH`, or a path of the host: it begins with `.` or `/`. */
function parsePath(word: string): { container: string | null; path: string } {
  const at = word.indexOf(":");
  if (/^[./]/.test(word) || at < 1) {
    if (word === "") {
      throw new UsageError("A path is empty", "See container cp --help.");
    }
    return { container: null, path: word };
  }
  const path = word.slice(at + 1);
  if (path === "") {
    throw new UsageError(
      `${word} has no path`,
      `Write ${word}/ for everything in the container.`,
    );
  }
  return { container: word.slice(0, at), path };
}

/** The host as a side: relative paths are those of this process. */
function hostSide(path: string, root: Descriptor): Side {
  const whole = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  return { root, path: whole, shown: path };
}

/** Root, or the user whose root filesystem it is. */
const OWN = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };

const openRoot = () => open("/", O.O_PATH | O.O_DIRECTORY);

function copyOut(
  { found, path, source }: { found: Found; path: string; source: string },
  destination: string,
  flags: Flags,
): number {
  if (destination === "-") {
    refuseTerminal("cp", "Use a pipe, or name a file or a directory.");
  }
  const { store, id } = found;
  using files = filesOf(store, id, { action: "copy from", write: false });
  using side = inContainer(files, path, source);
  using from = sourceOf(side, { follow: flags.has("follow-link") });
  warnOfMounts(files, side.missing(from.place.path), source);
  const options = { enters: side.enters, owner: ownersIn(files)?.inside };
  if (destination === "-") {
    const as = from.isContents ? "." : from.base;
    for (const part of archiveOf(from, as, options)) printBytes(part);
    return 0;
  }
  using root = openRoot();
  const to = hostSide(destination, root);
  const target = targetOf(to, from);
  using into = directoryOf(root, target);
  using progress = new CopyProgress("from the container", flags);
  extractOwn(archiveOf(from, target.as, options), {
    root: into.fd,
    into: "",
    closed: true,
    owner: flags.has("archive") ? null : OWN,
    onWritten: progress.take,
  });
  progress.end(destination);
  return 0;
}

async function copyIn(
  source: string,
  { found, path, destination }: {
    found: Found;
    path: string;
    destination: string;
  },
  flags: Flags,
): Promise<number> {
  const { store, id } = found;
  using root = openRoot();
  // A wrong source is reported before a container is touched.
  using from = source === "-"
    ? null
    : sourceOf(hostSide(source, root), { follow: flags.has("follow-link") });
  using files = filesOf(store, id, { action: "copy to", write: true });
  using side = inContainer(files, path, destination);
  const target = targetOf(side, from);
  const owners = ownersIn(files);
  // A mount with mapped IDs takes new files of IDs that it maps only.
  using _owner = owners && ownFilesAs(owners.outside(0, 0));
  using progress = new CopyProgress("to the container", flags);
  const options = {
    root: side.root.fd,
    into: target.into,
    closed: false,
    owner: flags.has("archive") ? null : owners?.outside(0, 0) ?? OWN,
    mapped: owners?.outside,
    onWritten: progress.take,
  };
  if (from) extractOwn(archiveOf(from, target.as), options);
  else await extract(readAt("-"), options);
  progress.end(destination);
  return 0;
}

/** Opens the directory of a target. */
function directoryOf(root: Descriptor, { into }: Target): Descriptor {
  const fd = openDirectoryBelow(root.fd, into);
  if (fd < 0) throw pathError("open", `/${into}`, "openat2", fd);
  return new Descriptor(fd);
}

/** What the container's mounts hide is not copied while it does not run. */
function warnOfMounts(
  { record }: ContainerFiles,
  missing: readonly string[],
  source: string,
): void {
  if (!missing.length) return;
  warn(
    `${source} is copied without ${
      missing.join(" and ")
    }: mounts are there only while ${record.daily?.name ?? record.id} runs`,
  );
}
