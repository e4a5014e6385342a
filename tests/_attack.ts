/**
 * Runs an attacker's program (tests/_attack.c) in a container, as root and as
 * nobody, with and without our program as PID 1.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  container,
  copyRootfs,
  execute,
  hasProgram,
  Nobody,
  type Options,
  type Result,
  TempDir,
  without,
} from "./_harness.ts";

/** The directory in which the program is compiled, once. */
const place = Deno.makeTempDirSync({ prefix: "container-test-attack-" });
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(place, { recursive: true }),
);
export const ATTACKER = `${place}/attack`;

/** Why there is no attacker, or null. */
export const noAttacker: string | null = without("gcc") ?? compile();

function compile(): string | null {
  const { success, stderr } = new Deno.Command("gcc", {
    args: [
      "-O1",
      "-static",
      "-o",
      ATTACKER,
      new URL("_attack.c", import.meta.url).pathname,
    ],
    stderr: "piped",
  }).outputSync();
  if (success) return null;
  const reason = new TextDecoder().decode(stderr).split("\n")[0];
  return `gcc cannot compile the attacks: ${reason}`;
}

/** The two ways to run a container. */
export const MODES = [
  { mode: "init", flags: [] },
  { mode: "no-init", flags: ["--no-init"] },
] as const;

/** Both ways, each as root and as an ordinary user. */
export const EVERYONE = MODES.flatMap(({ mode, flags }) => [
  { name: `${mode}, as root`, mode, flags, rootless: false, skip: null },
  {
    name: `${mode}, rootless`,
    mode,
    flags,
    rootless: true,
    skip: without("setpriv"),
  },
]);

/** A container with a root filesystem that the attacker controls. */
export class Target implements AsyncDisposable {
  readonly #dir: TempDir;
  #nobody: Nobody | undefined;

  private constructor(
    /** The path of the root filesystem on the host. */
    readonly rootfs: string,
    readonly flags: readonly string[],
    dir: TempDir,
  ) {
    this.#dir = dir;
  }

  /** Makes a target; `prepare` can plant something in its root filesystem. */
  static async make(
    { flags = [], rootless = false, prepare }: {
      flags?: readonly string[];
      rootless?: boolean;
      prepare?: (rootfs: string) => void | Promise<void>;
    } = {},
  ): Promise<Target> {
    const dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    if (!noAttacker) await Deno.copyFile(ATTACKER, `${rootfs}/bin/attack`);
    await prepare?.(rootfs);
    const target = new Target(rootfs, flags, dir);
    if (rootless) {
      await execute(["chown", "-Rh", "65534:65534", rootfs]);
      target.#nobody = await Nobody.make();
    }
    return target;
  }

  /** The directory that contains the root filesystem, for files next to it. */
  get directory(): string {
    return this.#dir.path;
  }

  /** The words after `container`. */
  words(...args: string[]): string[] {
    return ["run", "-q", "--rootfs", this.rootfs, ...this.flags, ...args];
  }

  /** Runs `container run` with more flags, a command and its arguments. */
  run(args: readonly string[], options: Options = {}): Promise<Result> {
    return container(this.words(...args), {
      ...options,
      before: [...options.before ?? [], ...this.#nobody?.before ?? []],
      env: { ...this.#nobody?.env, ...options.env },
    });
  }

  /** Runs a shell script in the container. */
  shell(script: string, flags: readonly string[] = []): Promise<Result> {
    return this.run([...flags, "sh", "-c", script]);
  }

  /** Runs attempts in the container, and returns how each ended. */
  async attack(
    words: readonly string[],
    flags: readonly string[] = [],
  ): Promise<[attempt: string, result: string][]> {
    const { status, stdout, stderr } = await this.run([
      ...flags,
      "attack",
      ...words,
    ]);
    assertEquals([status, stderr], [0, ""], words.join(" "));
    return parseAttempts(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nobody?.[Symbol.asyncDispose]();
    await this.#dir[Symbol.asyncDispose]();
  }
}

/** Parses lines such as `mount EPERM`: the last word is the result. */
export function parseAttempts(
  text: string,
): [attempt: string, result: string][] {
  return text.trim().split("\n").map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
}

/** Exchanges two names on the host again and again, until it is disposed of. */
export class Swapper implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** @param pause the time between two exchanges, in nanoseconds; about */
  constructor(a: string, b: string, pause: number) {
    this.#child = new Deno.Command(ATTACKER, {
      args: ["swap", a, b, String(pause)],
    }).spawn();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}

/** A block device of the host with a secret on it. */
export class Disk implements AsyncDisposable {
  private constructor(
    readonly secret: string,
    readonly major: string,
    readonly minor: string,
    readonly path: string,
  ) {}

  static async make(directory: string): Promise<Disk> {
    const secret = crypto.randomUUID();
    const file = `${directory}/disk`;
    await Deno.writeTextFile(file, secret.padEnd(1 << 20, "."));
    const { stdout } = await execute(["losetup", "-f", "--show", file]);
    const path = stdout.trim();
    const numbers = await execute(["stat", "-c", "%Hr %Lr", path]);
    const [major = "", minor = ""] = numbers.stdout.trim().split(" ");
    return new Disk(secret, major, minor, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execute(["losetup", "-d", this.path]);
  }
}

/** Why no block device can be made on this host, or null. */
export function noDisk(): string | null {
  if (!hasProgram("losetup")) return "losetup is not installed";
  const { success } = new Deno.Command("losetup", {
    args: ["-f"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? null : "no loop devices here";
}
