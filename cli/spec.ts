/**
 * `container spec`: writes a config.json to start from. Runs on the host, in
 * the process the user started; writes only that file.
 */

import { ContainerError } from "../spec/errors.ts";
import type { Command } from "./command.ts";
import { type Flag, parseFlags, takeNoWords } from "./flags.ts";

const SPEC_FLAGS: readonly Flag[] = [
  {
    name: "bundle",
    short: "b",
    value: "DIR",
    help: "Directory to write config.json to (default .)",
  },
  { name: "rootless", help: "For running without root: add a user namespace" },
];

/** Writes the default container as config.json. */
export const specCommand: Command = {
  name: "spec",
  summary: "Write a default config.json, as runc spec does",
  usage: "[--bundle DIR] [--rootless]",
  flags: SPEC_FLAGS,
  examples: [
    ["container spec", "in the current directory"],
    ["container spec --bundle /srv/box", "in another directory"],
    ["container spec --rootless", "to run as the current user, without root"],
  ],
  async execute(argv) {
    const flags = parseFlags(SPEC_FLAGS, argv, "container spec");
    takeNoWords(flags, "spec");
    const { defaultConfig } = await import(
      "../containers/decide/default_config.ts"
    );
    const { kernelVersion } = await import("../containers/decide/seccomp.ts");
    const { configText } = await import("../spec/config_text.ts");
    const spec = defaultConfig({
      kernel: kernelVersion(Deno.osRelease()),
      arch: Deno.build.arch,
      ...(flags.has("rootless")
        ? { rootless: { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 } }
        : {}),
    });
    write(flags.last("bundle") ?? ".", configText(spec));
    return 0;
  },
};

/** Creates the file. An existing file is never overwritten. */
function write(bundle: string, text: string): void {
  const path = `${bundle}/config.json`;
  try {
    Deno.writeTextFileSync(path, text, { createNew: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new ContainerError("File config.json exists. Remove it first", {
        cause,
        hint: `Its path is ${Deno.realPathSync(bundle)}/config.json.`,
      });
    }
    const [problem, hint] = cause instanceof Deno.errors.NotFound
      ? ["no such directory", `Create it: mkdir -p ${bundle}`]
      : cause instanceof Deno.errors.NotADirectory
      ? ["it is not a directory", "Name a directory with --bundle DIR."]
      : cause instanceof Deno.errors.PermissionDenied
      ? [
        "permission denied (EACCES)",
        "Name a directory that you can write to with --bundle DIR.",
      ]
      : [String(cause), undefined];
    throw new ContainerError(`Cannot write ${path}: ${problem}`, {
      cause,
      hint,
    });
  }
}
