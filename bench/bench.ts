/**
 * `deno task bench`: measures the time to run /bin/true in a container, and
 * compares it with other programs and with Deno's own start, in one run.
 *
 * Runs on the host as root, and cleans up at the end, also after Ctrl-C.
 */
import { parseArgs } from "node:util";
import type { Candidate } from "./candidate.ts";
import { candidates } from "./candidates.ts";
import { imageCandidates } from "./images/rows.ts";
import { imageTargets } from "./images/targets.ts";
import { measure, type Missing, probe, type Ready } from "./measure.ts";
import { findGnuTime, run } from "./process.ts";
import { formatReport, makeReport, type Report } from "./report.ts";
import { type Target, targets } from "./targets.ts";
import { openWorkspace } from "./workspace.ts";

const usage = `Usage: deno task bench [OPTION...]

  --images          images next to podman: pull, run, commit, save, images, rmi
  --rounds N        rounds to measure (default 30, of images 5)
  --quick           8 rounds, of images 2
  --only NAME,NAME  only these candidates
  --rootfs DIR      root filesystem to copy and use (default ./fs, or one that
                    is created from a static busybox)
  --json            print only JSON on standard output
  --out FILE        also write the JSON to a file
  --list            list the candidates and stop
  --help            print this help
`;

/** The options of the command line. */
interface Options {
  mode: "measure" | "list" | "help";
  set: Set;
  rounds: number;
  only: string[];
  rootfs?: string;
  json: boolean;
  out?: string;
}

/** Candidates that are measured together. */
interface Set {
  subject: string;
  candidates: readonly Candidate[];
  targets: readonly Target[];
  /** The rounds, and those of `--quick`. */
  rounds: number;
  quick: number;
  warmup: number;
}

const STARTS: Set = {
  subject: "/bin/true",
  candidates,
  targets,
  rounds: 30,
  quick: 8,
  warmup: 2,
};

const IMAGES: Set = {
  subject: "images",
  candidates: imageCandidates,
  targets: imageTargets,
  rounds: 5,
  quick: 2,
  warmup: 1,
};

/** An error in the command line. */
class UsageError extends Error {}

function parse(args: readonly string[]): Options {
  const flags = parseFlags(args);
  const set = flags.images ? IMAGES : STARTS;
  const rounds = Number(
    flags.rounds ?? (flags.quick ? set.quick : set.rounds),
  );
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new UsageError("Option --rounds needs a whole number of at least 1");
  }
  const only = flags.only?.split(",").map((name) => name.trim()) ?? [];
  for (const name of only) {
    if (!set.candidates.some((candidate) => candidate.name === name)) {
      throw new UsageError(`Unknown candidate: ${name} (see --list)`);
    }
  }
  return {
    mode: flags.help ? "help" : flags.list ? "list" : "measure",
    set,
    rounds,
    only,
    rootfs: flags.rootfs,
    json: flags.json ?? false,
    out: flags.out,
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        images: { type: "boolean" },
        rounds: { type: "string" },
        quick: { type: "boolean" },
        only: { type: "string" },
        rootfs: { type: "string" },
        json: { type: "boolean" },
        out: { type: "string" },
        list: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

async function bench(options: Options, signal: AbortSignal): Promise<Report> {
  await using cleanup = new AsyncDisposableStack();
  // Read before the bench itself causes load.
  const load = Deno.loadavg();
  const workspace = await openWorkspace({
    rootfs: options.rootfs,
    signal,
    cleanup,
  });
  const { subject, candidates, targets, warmup } = options.set;
  const ready: Ready[] = [];
  const missing: Missing[] = [];
  cleanup.defer(() => progress(""));
  for (const candidate of candidates) {
    if (options.only.length > 0 && !options.only.includes(candidate.name)) {
      continue;
    }
    progress(`trying ${candidate.name}`);
    const found = await probe(candidate, workspace);
    if ("reason" in found) missing.push(found);
    else ready.push(found);
  }
  const gnuTime = await findGnuTime();
  const measured = await measure(ready, workspace, {
    rounds: options.rounds,
    warmup,
    gnuTime,
    progress,
  });
  return makeReport(
    {
      subject,
      date: new Date().toISOString(),
      host: {
        kernel: Deno.osRelease(),
        arch: Deno.build.arch,
        cpus: navigator.hardwareConcurrency,
        load,
      },
      deno: Deno.version.deno,
      compileDeno: await compileDenoVersion(),
      rootfs: workspace.rootfsSource,
      rounds: options.rounds,
      warmup,
      notes: gnuTime === null
        ? ["peak memory: not measured, GNU time is not installed"]
        : [],
    },
    measured,
    missing,
    targets,
    (text) =>
      text.replaceAll(workspace.dir, "$TMP")
        .replaceAll(workspace.repo, ".")
        .replaceAll(Deno.execPath(), "deno"),
  );
}

async function compileDenoVersion(): Promise<string | null> {
  const deno = Deno.env.get("COMPILE_DENO");
  if (!deno) return null;
  try {
    const { code, stdout } = await run({ argv: [deno, "--version"] });
    return code === 0 ? stdout.split(" ").slice(0, 2).join(" ") : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Shows the progress on one line that is overwritten; only on a terminal. */
function progress(text: string) {
  if (Deno.stderr.isTerminal()) write(Deno.stderr, `\r\x1b[K${text}`);
}

function write(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
) {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

/**
 * Aborts on the signals that end a program, so that the bench cleans up first.
 */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      Deno.exitCode = 128 + numbers[name];
      controller.abort(new DOMException(`Stopped by ${name}`, "AbortError"));
    });
  }
  return controller.signal;
}

/** The messages of the first error and of errors during the clean-up. */
function messages(error: unknown): string[] {
  if (error instanceof SuppressedError) {
    return [...messages(error.suppressed), ...messages(error.error)];
  }
  return [error instanceof Error ? error.message : String(error)];
}

async function main() {
  const options = parse(Deno.args);
  if (options.mode === "help") return write(Deno.stdout, usage);
  if (options.mode === "list") {
    for (const { name, label } of options.set.candidates) {
      write(Deno.stdout, `${name.padEnd(18)}${label}\n`);
    }
    return;
  }
  const signal = abortOnSignals();
  const report = await bench(options, signal);
  // Four decimals are enough: nanoseconds are noise.
  const json = JSON.stringify(
    report,
    (_, value) => typeof value === "number" ? Number(value.toFixed(4)) : value,
    2,
  ) + "\n";
  if (options.out !== undefined) await Deno.writeTextFile(options.out, json);
  write(Deno.stdout, options.json ? json : formatReport(report));
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    for (const message of messages(error)) {
      write(Deno.stderr, `bench: ${message}\n`);
    }
    if (Deno.exitCode === 0) {
      Deno.exitCode = error instanceof UsageError ? 2 : 1;
    }
  }
  // The signal listeners would keep the process running.
  Deno.exit();
}
