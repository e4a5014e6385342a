/**
 * What every end-to-end test stands on: the program as a user starts it, and
 * the host compared before and after.
 *
 * CONTAINER_BIN names a compiled program to test instead of the source,
 * CONTAINER_ROOTFS a root filesystem instead of ./fs.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";
import { hostChanges, snapshot } from "./_host.ts";
import { Session } from "./_session.ts";

/** The repository. */
export const REPOSITORY = fromFileUrl(new URL("..", import.meta.url))
  .replace(/\/$/, "");

const binary = Deno.env.get("CONTAINER_BIN");

/** Whether the compiled program is under test. */
export const COMPILED = Boolean(binary);

/** The words that start the program. */
export const CONTAINER: readonly string[] = binary
  ? [Deno.realPathSync(binary)]
  : [Deno.execPath(), "run", "-A", `${REPOSITORY}/main.ts`];

/** How long anything may take before it counts as hung. */
export const PATIENCE = 60_000;

/** A directory that is gone after the test. */
export class TempDir implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "container-test-" });
  constructor() {
    Deno.chmodSync(this.path, 0o755);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

let found: string | undefined;

/** The root filesystem under test; made of the host's busybox where there is none. */
export function rootfs(): string {
  return found ??= findRootfs();
}

function findRootfs(): string {
  const named = Deno.env.get("CONTAINER_ROOTFS") ?? `${REPOSITORY}/fs`;
  try {
    return Deno.realPathSync(named);
  } catch (error) {
    if (Deno.env.has("CONTAINER_ROOTFS")) throw error;
  }
  const made = Deno.makeTempDirSync({ prefix: "container-test-fs-" });
  globalThis.addEventListener(
    "unload",
    () => Deno.removeSync(made, { recursive: true }),
  );
  Deno.chmodSync(made, 0o755);
  for (const name of ["bin", "dev", "etc", "proc", "root", "sys", "tmp"]) {
    Deno.mkdirSync(`${made}/${name}`);
  }
  Deno.chmodSync(`${made}/tmp`, 0o1777);
  Deno.copyFileSync("/bin/busybox", `${made}/bin/busybox`);
  const { stdout } = new Deno.Command("/bin/busybox", { args: ["--list"] })
    .outputSync();
  for (const applet of decode(stdout).trim().split("\n")) {
    if (applet !== "busybox") {
      Deno.symlinkSync("busybox", `${made}/bin/${applet}`);
    }
  }
  return made;
}

/** A copy of the root filesystem that a test may change. */
export async function copyRootfs(into: string): Promise<string> {
  const path = `${into}/rootfs`;
  const { success } = await new Deno.Command("cp", {
    args: ["-a", rootfs(), path],
  }).output();
  if (!success) throw new Error(`Cannot copy ${rootfs()}`);
  return path;
}

/** Bytes as text. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** How a program ended and what it said. */
export interface Result {
  /** The status, or 128+n after signal n, as a shell says it. */
  status: number;
  stdout: string;
  stderr: string;
  bytes: Uint8Array;
}

/** What a program is started with. */
export interface Options {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  clearEnv?: boolean;
  cwd?: string;
  /** Words before the program's, such as strace's. */
  before?: readonly string[];
  /** Milliseconds after which it counts as hung. */
  patience?: number;
}

/** Runs any program to its end. */
export async function execute(
  words: readonly string[],
  { stdin, env, clearEnv, cwd, patience = PATIENCE }: Options = {},
): Promise<Result> {
  const [program, ...args] = words;
  const child = new Deno.Command(program!, {
    args,
    env: { NO_COLOR: "1", ...env },
    clearEnv,
    cwd,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, patience);
  try {
    const [output] = await Promise.all([
      child.output(),
      stdin === undefined ? null : feed(child.stdin, stdin),
    ]);
    if (hung) throw new Error(`Hung: ${words.join(" ")}`);
    return {
      status: output.code,
      stdout: decode(output.stdout),
      stderr: decode(output.stderr),
      bytes: output.stdout,
    };
  } finally {
    clearTimeout(timer);
  }
}

async function feed(
  stream: WritableStream<Uint8Array>,
  data: string | Uint8Array,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(
      typeof data === "string" ? new TextEncoder().encode(data) : data,
    );
    await writer.close();
  } catch (error) {
    // It ended without reading all.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Runs the program to its end. */
export function container(
  args: readonly string[],
  options: Options = {},
): Promise<Result> {
  return execute([...options.before ?? [], ...CONTAINER, ...args], options);
}

/** One of the two ways in which a plan is carried out, and how it is asked for. */
export class Mode {
  constructor(
    readonly name: string,
    /** Our own program stays inside as PID 1. */
    readonly init: boolean,
    /** What `run` is given for it. */
    readonly flags: readonly string[],
  ) {}

  /** The words of `container run`, with the root filesystem under test. */
  runWords(...args: string[]): string[] {
    return [...CONTAINER, "run", ...this.flags, "--rootfs", rootfs(), ...args];
  }

  /** `container run -q` of a command, to its end; a `--rootfs` of its own counts. */
  run(args: readonly string[], options: Options = {}): Promise<Result> {
    return execute([
      ...options.before ?? [],
      ...this.runWords("-q", ...args),
    ], options);
  }

  /** `container run -q sh -c SCRIPT`, to its end. */
  runShell(script: string, options: Options = {}): Promise<Result> {
    return this.run(["sh", "-c", script], options);
  }

  /** Starts `container run -q` of a command and talks to it through pipes. */
  startRun(...args: string[]): Session {
    return new Session(this.runWords("-q", ...args));
  }
}

/** Our program is PID 1: the child's executor. */
export const INIT = new Mode("init", true, []);

/** The command is PID 1: the walker does everything. */
export const NO_INIT = new Mode("--no-init", false, ["--no-init"]);

/** A test of what has to be the same whoever is PID 1: one for each mode. */
export function testBoth(
  name: string,
  fn: (mode: Mode) => void | Promise<void>,
  options: { skip?: string | null } = {},
): void {
  for (const mode of [INIT, NO_INIT]) {
    test(mode.init ? name : `${name} (--no-init)`, () => fn(mode), options);
  }
}

/** {@linkcode Mode.runWords} of the default mode. */
export const runWords = INIT.runWords.bind(INIT);
/** {@linkcode Mode.run} of the default mode. */
export const run = INIT.run.bind(INIT);
/** {@linkcode Mode.runShell} of the default mode. */
export const runShell = INIT.runShell.bind(INIT);
/** {@linkcode Mode.startRun} of the default mode. */
export const startRun = INIT.startRun.bind(INIT);

/** One word for a shell. */
export function quote(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line for a shell. */
export function shellLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}

/** Starts a command line on a terminal of its own. */
export function startTerminal(line: string, cwd?: string): Session {
  return new Session(["script", "-qec", line, "/dev/null"], {
    env: { SHELL: "/bin/sh", TERM: "vt100" },
    cwd,
  });
}

/** An interactive shell with job control, as a user has it. */
export async function startShell(): Promise<Session> {
  const shell = startTerminal("stty cols 400; exec bash --norc --noprofile -i");
  await shell.send("PS1='host> '; bind 'set enable-bracketed-paste off'\n");
  await shell.expect(/[\r\n]host> /);
  return shell;
}

/** Whether a program is on PATH. */
export function hasProgram(name: string): boolean {
  return new Deno.Command("sh", {
    args: ["-c", `command -v ${quote(name)}`],
    stdout: "null",
    stderr: "null",
  }).outputSync().success;
}

/** A reason to skip where a program is missing, else null. */
export function without(name: string): string | null {
  return hasProgram(name) ? null : `${name} is not installed`;
}

/** Why there is nothing here that begins before its runtime; null where there is. */
export const NO_STANDALONE: string | null = !COMPILED
  ? "the source has none"
  : startsAsElf(CONTAINER[0]!)
  ? null
  : "the program is a script";

function startsAsElf(path: string): boolean {
  return decode(Deno.readFileSync(path).subarray(1, 4)) === "ELF";
}

/** Waits until something holds. What it is may be told when that was in vain. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!await holds()) {
    if (performance.now() > end) {
      const told = typeof what === "string" ? what : what();
      throw new Error(`Waited in vain: ${told}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const NOT_ROOT = Deno.uid() === 0 ? null : "needs root";

/** Runs a test and checks that the host is as it was before. */
export async function withHost(fn: () => void | Promise<void>): Promise<void> {
  const before = snapshot();
  await fn();
  const end = performance.now() + 10_000;
  let changes = hostChanges(before);
  while (changes.length && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    changes = hostChanges(before);
  }
  assertEquals(changes, [], "The host is not as it was before");
}

/** Whose bundles a test has that does not say so, see _owner.ts. */
export const NAMED_OWNER = Deno.env.get("CONTAINER_TEST_OWNER") ?? "root";

/**
 * A test as root that leaves the host as it was, or a skip with its reason;
 * `rootOnly` is why it cannot be with the bundle of another user.
 */
export function test(
  name: string,
  fn: () => void | Promise<void>,
  { skip = null, rootOnly = null }: {
    skip?: string | null;
    rootOnly?: string | null;
  } = {},
): void {
  const reason = NOT_ROOT ?? skip ??
    (NAMED_OWNER === "root" ? null : rootOnly);
  Deno.test({
    name: reason ? `${name} (skipped: ${reason})` : name,
    ignore: reason !== null,
    fn: () => withHost(fn),
  });
}

/** The user that {@linkcode Nobody} is. */
export const NOBODY = 65534;

/** The words before a program, and its environment, that run it without root's rights. */
export class Nobody implements AsyncDisposable {
  readonly #dir = new TempDir();
  readonly before: readonly string[] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
  ];
  readonly env: Record<string, string> = {
    HOME: this.#dir.path,
    DENO_DIR: `${this.#dir.path}/deno`,
  };

  /** Root's cache of packages is closed to others: it gets a copy. */
  static async make(): Promise<Nobody> {
    const nobody = new Nobody();
    const cache = Deno.env.get("DENO_DIR") ??
      `${
        Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`
      }/deno`;
    const { path } = nobody.#dir;
    const { success, stderr } = await new Deno.Command("sh", {
      args: [
        "-ec",
        'mkdir "$2"; if [ -d "$1/npm" ]; then cp -r "$1/npm" "$2"; fi; chmod -R a+rwX "$2"',
        "sh",
        cache,
        `${path}/deno`,
      ],
    }).output();
    if (!success) throw new Error(decode(stderr));
    // A home is its user's: what runs is recorded there.
    await Deno.chown(path, 65534, 65534);
    return nobody;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dir[Symbol.asyncDispose]();
  }
}
