/**
 * The basis of every end-to-end test: it starts the program as a user does, and
 * compares the host before and after.
 *
 * CONTAINER_BIN names a compiled program to test instead of the source,
 * CONTAINER_ROOTFS a root filesystem instead of ./fs.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";
import { hostChanges, snapshot } from "./_host.ts";
import { PATIENCE, Session } from "./_session.ts";

/** The root of the repository. */
export const REPOSITORY = fromFileUrl(new URL("..", import.meta.url))
  .replace(/\/$/, "");

const binary = Deno.env.get("CONTAINER_BIN");

/** Whether the compiled program is tested. */
export const COMPILED = Boolean(binary);

/** The words that start the program. */
export const CONTAINER: readonly string[] = binary
  ? [Deno.realPathSync(binary)]
  : [Deno.execPath(), "run", "-A", `${REPOSITORY}/main.ts`];

export { PATIENCE };

/** A directory that is removed after the test. */
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

/**
 * The root filesystem to test with; made of the host's busybox if there is
 * none.
 */
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

/** Makes a copy of the root filesystem that a test may change. */
export async function copyRootfs(into: string): Promise<string> {
  const path = `${into}/rootfs`;
  const { success } = await new Deno.Command("cp", {
    args: ["-a", rootfs(), path],
  }).output();
  if (!success) throw new Error(`Cannot copy ${rootfs()}`);
  return path;
}

/** Decodes bytes as text. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** How a program ended, and what it wrote. */
export interface Result {
  /** The status, or 128+n after signal n, as in a shell. */
  status: number;
  stdout: string;
  stderr: string;
  bytes: Uint8Array;
}

/** How a program is started. */
export interface Options {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  clearEnv?: boolean;
  cwd?: string;
  /** Words before those of the program, such as strace's. */
  before?: readonly string[];
  /** Milliseconds after which it counts as hung. */
  patience?: number;
}

/** Runs any program until it ends. */
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
    // The program ended without reading all of its input.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Runs `container` until it ends. */
export function container(
  args: readonly string[],
  options: Options = {},
): Promise<Result> {
  return execute([...options.before ?? [], ...CONTAINER, ...args], options);
}

/** One of the two ways to carry out a plan, and the flags for it. */
export class Mode {
  constructor(
    readonly name: string,
    /** Whether our program stays inside as PID 1. */
    readonly init: boolean,
    /** The flags of `run` for it. */
    readonly flags: readonly string[],
  ) {}

  /** The words of `container run`, with the root filesystem to test with. */
  runWords(...args: string[]): string[] {
    return [...CONTAINER, "run", ...this.flags, "--rootfs", rootfs(), ...args];
  }

  /**
   * Runs a command by `container run -q` until it ends; `args` may set another
   * `--rootfs`.
   */
  run(args: readonly string[], options: Options = {}): Promise<Result> {
    return execute([
      ...options.before ?? [],
      ...this.runWords("-q", ...args),
    ], options);
  }

  /** Runs `container run -q sh -c SCRIPT` until it ends. */
  runShell(script: string, options: Options = {}): Promise<Result> {
    return this.run(["sh", "-c", script], options);
  }

  /** Starts a command by `container run -q`, for a dialogue through pipes. */
  startRun(...args: string[]): Session {
    return new Session(this.runWords("-q", ...args));
  }
}

/** Our program is PID 1: the child carries out the plan. */
export const INIT = new Mode("init", true, []);

/** The command is PID 1: the walker carries out the whole plan. */
export const NO_INIT = new Mode("--no-init", false, ["--no-init"]);

/** A test of behaviour that does not depend on PID 1: one test for each mode. */
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

/** Quotes a word for a shell. */
export function quote(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Quotes a command line for a shell. */
export function shellLine(words: readonly string[]): string {
  return words.map(quote).join(" ");
}

/** Starts a command line on a new terminal. */
export function startTerminal(line: string, cwd?: string): Session {
  return new Session(["script", "-qec", line, "/dev/null"], {
    env: { SHELL: "/bin/sh", TERM: "vt100" },
    cwd,
  });
}

/** Starts an interactive shell with job control. */
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

/** The reason to skip a test because a program is missing, or null. */
export function without(name: string): string | null {
  return hasProgram(name) ? null : `${name} is not installed`;
}

/** Why the program has no native entry here, or null. */
export const NO_STANDALONE: string | null = !COMPILED
  ? "the source has none"
  : startsAsElf(CONTAINER[0]!)
  ? null
  : "the program is a script";

function startsAsElf(path: string): boolean {
  return decode(Deno.readFileSync(path).subarray(1, 4)) === "ELF";
}

/** Waits until a condition is true. `describe` explains a failure. */
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

/** Runs a test, and checks that the host is the same afterwards. */
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

/** The owner of bundles in tests that name none, see _owner.ts. */
export const NAMED_OWNER = Deno.env.get("CONTAINER_TEST_OWNER") ?? "root";

/**
 * A test that runs as root and leaves the host unchanged, or a skip with its
 * reason. `rootOnly` is the reason why the bundle of another user cannot be
 * tested.
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

/** The user id of {@linkcode Nobody}. */
export const NOBODY = 65534;

/**
 * Runs a program without root's rights: the words before it, and its
 * environment.
 */
export class Nobody implements AsyncDisposable {
  readonly #dir = new TempDir();
  readonly before: readonly string[] = [
    ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
  ];
  readonly env: Record<string, string> = { HOME: this.#dir.path };

  /**
   * Makes the user. A user who runs sources gets a copy of root's package cache,
   * which is closed to others. All users of a test file share it, and what Deno
   * adds to it.
   */
  static async make(
    { packages = !COMPILED }: { packages?: boolean } = {},
  ): Promise<Nobody> {
    const nobody = new Nobody();
    nobody.env.DENO_DIR = packages
      ? await (packageCache ??= copyPackages())
      : `${nobody.#dir.path}/deno`;
    // The home belongs to the user, since runs are recorded there.
    await Deno.chown(nobody.#dir.path, NOBODY, NOBODY);
    return nobody;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dir[Symbol.asyncDispose]();
  }
}

let packageCache: Promise<string> | undefined;

/** Copies root's package cache to a directory that everybody can write. */
async function copyPackages(): Promise<string> {
  const { DENO_DIR, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  const from = DENO_DIR ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/deno`;
  const { path } = new TempDir();
  addEventListener("unload", () => Deno.removeSync(path, { recursive: true }));
  const copy = 'mkdir "$2"; [ ! -d "$1/npm" ] || cp -r "$1/npm" "$2"; ' +
    'chmod -R a+rwX "$2"';
  const words = ["sh", "-ec", copy, "sh", from, `${path}/deno`];
  const { status, stderr } = await execute(words);
  if (status !== 0) throw new Error(stderr);
  return `${path}/deno`;
}
