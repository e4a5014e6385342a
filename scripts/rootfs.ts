/**
 * `deno task rootfs`: builds the busybox root filesystem `./fs`.
 *
 * @module
 */
// cli/mod.js of the package imports a file that the package does not contain.
// @ts-types="../types/std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { assemble } from "../rootfs/assemble.ts";
import { explainDiskError, RootfsError } from "../rootfs/errors.ts";
import { describePlacement } from "../rootfs/placement.ts";
import { isMinimal, refuseMounts, treeProblem } from "../rootfs/trees.ts";
import { type Speaker, speaker, write } from "./_report.ts";
import { cachePath } from "./rootfs_cache.ts";
import { findBusybox } from "./rootfs_fetch.ts";
import { Home, inspectSite, type Scratch } from "./rootfs_home.ts";
import { closeDebugger } from "../launch/attend/debugger.ts";

/** What to build, and where. */
export interface RootfsOptions {
  /** The directory to create. */
  readonly out: string;
  readonly busybox?: string;
  readonly force: boolean;
  readonly minimal: boolean;
  readonly offline: boolean;
}

/** A wrong command line. */
export class RootfsUsageError extends Error {}

const HELP = `Create the busybox root filesystem

Usage: deno task rootfs [OPTIONS]

Options:
  --out DIR       Create DIR instead of ./fs
  --busybox FILE  Use only this static busybox
  --minimal       Create only bin (busybox, sh, ls, cat, echo, ps) and proc
  --force         Build again and replace the existing tree
  --offline       Skip sources that need a network
  --debug         Show details, and a stack trace with errors
  --help          Show this help

The first busybox that passes all checks is used. The sources are, in this
order: --busybox FILE, the cache (in $XDG_CACHE_HOME or ~/.cache), the pinned
binary from busybox.net, Debian's package busybox-static, and this host.
CONTAINER_BUSYBOX_URL names another address for the pinned binary.

Examples:
  deno task rootfs
  deno task rootfs --force --busybox /usr/bin/busybox
  deno task rootfs --minimal --out /tmp/seed
`;

/** Parses the command line. Returns `"help"` if help is requested. Pure. */
export function parse(
  args: readonly string[],
): { options: RootfsOptions; debug: boolean } | "help" {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    boolean: ["force", "minimal", "offline", "help", "debug"],
    string: ["out", "busybox"],
    collect: ["out", "busybox"],
    alias: { help: "h" },
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (flags.help) return "help";
  // parseArgs does not pass words after a bare "--" to unknown().
  const stray = [...unknown, ...flags._][0];
  if (stray !== undefined) {
    throw new RootfsUsageError(`Unknown argument ${JSON.stringify(stray)}`);
  }
  const single = (name: "out" | "busybox"): string | undefined => {
    const values: string[] = flags[name] ?? [];
    if (values.length > 1) {
      throw new RootfsUsageError(`--${name} is given more than once`);
    }
    if (values[0] === "") {
      throw new RootfsUsageError(`--${name} needs a value`);
    }
    return values[0];
  };
  return {
    options: {
      out: single("out") ?? "fs",
      busybox: single("busybox"),
      force: flags.force,
      minimal: flags.minimal,
      offline: flags.offline,
    },
    debug: flags.debug,
  };
}

/**
 * Builds the tree unless it exists, and returns the path that was requested.
 * Other scripts call this function.
 *
 * @throws {RootfsError}
 */
export async function buildRootfs(
  options: RootfsOptions,
  say: Speaker,
): Promise<string> {
  const { out, force, minimal } = options;
  try {
    const site = inspectSite(out);
    using home = await Home.open(site, say);
    const current = home.currentTree();
    if (current !== null && !force) {
      keep(home, current, options, say);
      return out;
    }
    // Check this before the work is done.
    if (current !== null) refuseMounts(current);
    using scratch = home.scratch();
    using _handler = cleanUpOnSignal(home, scratch);
    const busybox = await findBusybox({
      busybox: options.busybox,
      offline: options.offline,
      arch: Deno.build.arch,
      cacheDir: cachePath((name) => Deno.env.get(name)),
      url: Deno.env.get("CONTAINER_BUSYBOX_URL") || undefined,
      scratch: scratch.path,
      say,
    });
    const fresh = `${scratch.path}/rootfs`;
    assemble({
      busybox: busybox.bytes,
      applets: busybox.applets,
      minimal,
      into: fresh,
    });
    home.install(fresh, scratch);
    const size = minimal ? "minimal" : `${busybox.applets.length} applets`;
    say(createdMessage(out, busybox.from, size));
    say.detail(describePlacement(out, site.placement));
    return out;
  } catch (error) {
    throw explainDiskError(`Cannot build ${out}`, error);
  }
}

/** The message about a new tree. Pure. */
export const createdMessage = (out: string, from: string, size: string) =>
  `Created ${out} with busybox from ${from} (${size})`;

/** Keeps an existing tree unchanged, and reports options that had no effect. */
function keep(
  home: Home,
  tree: string,
  options: RootfsOptions,
  say: Speaker,
): void {
  const { out, minimal, busybox } = options;
  const problem = treeProblem(tree, Deno.build.arch);
  if (problem !== null) {
    throw new RootfsError(`Cannot use the existing ${out}: ${problem}`, {
      hint: "build it again with deno task rootfs --force",
    });
  }
  home.link();
  say(`${out} already exists: nothing to do (--force builds it again)`);
  if (isMinimal(tree) !== minimal) {
    say(
      minimal
        ? `${out} is the full tree; --force --minimal creates the minimal one`
        : `${out} is the minimal tree; --force creates the full one`,
    );
  }
  if (busybox !== undefined) {
    say(`${busybox} was not used; add --force to use it`);
  }
  if (home.site.exposed) {
    say(
      `Other users of this host can run a setuid file made in ${out}; --force moves it to a place where they cannot`,
    );
  } else {
    say.detail(describePlacement(out, home.site.placement));
  }
}

/**
 * Removes everything when a signal ends the run, and exits with the signal's
 * status.
 */
function cleanUpOnSignal(home: Home, scratch: Scratch): Disposable {
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  const handlers = Object.entries(signals).map(([name, status]) => {
    const handler = () => {
      try {
        scratch[Symbol.dispose]();
        home[Symbol.dispose]();
      } finally {
        Deno.exit(status);
      }
    };
    Deno.addSignalListener(name as keyof typeof signals, handler);
    return { name: name as keyof typeof signals, handler };
  });
  return {
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) {
        Deno.removeSignalListener(name, handler);
      }
    },
  };
}

/** Runs the command line and returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  let say = speaker("rootfs");
  let debug = false;
  try {
    const parsed = parse(args);
    if (parsed === "help") {
      write(Deno.stdout, HELP);
      return 0;
    }
    debug = parsed.debug;
    say = speaker("rootfs", debug);
    await buildRootfs(parsed.options, say);
    return 0;
  } catch (error) {
    if (error instanceof RootfsUsageError) {
      say(`${error.message}; see "deno task rootfs --help"`);
      return 2;
    }
    const text = error instanceof Error ? error.message : String(error);
    const hint = error instanceof RootfsError && error.hint;
    say(hint ? `${text}; ${hint}` : text);
    if (debug && error instanceof Error) say(error.stack ?? "");
    return 1;
  }
}

if (import.meta.main) {
  closeDebugger();
  Deno.exit(await main(Deno.args));
}
