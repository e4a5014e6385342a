/**
 * A sandbox: isolated code with many commands, files and an environment of its
 * own, that lives until it is closed. Runs on the host, in the program's
 * process. The names are those of npm's `@deno/sandbox`.
 */

// @ts-types="../types/std_path.d.ts"
import { fromFileUrl, resolve } from "@std/path";
import type { Stats } from "../cgroup/stats.ts";
import { ContainerError, OptionError } from "../spec/errors.ts";
import { Exposed } from "./network/expose.ts";
import { fetchInside } from "./network/fetch.ts";
import { inLibraryWords } from "../containers/run/library_words.ts";
import { ChildProcess } from "./child_process.ts";
import { SandboxCommandBuilder, type ShellRequest } from "./command/builder.ts";
import { checkVariable, Environment, type SandboxEnv } from "./env.ts";
import { ConnectionClosedError, InvalidTimeoutError } from "./errors.ts";
import { parseTimeout, type Timeout } from "./amounts.ts";
import { Joiner } from "./join.ts";
import { SandboxFs } from "./files/fs.ts";
import { FileHelper } from "./files/exchange.ts";
import type { SandboxOptions, SpawnOptions } from "./options.ts";
import { HOME, settle } from "./settle.ts";
import { Space } from "./space.ts";

/** Keeps the constructor of {@linkcode Sandbox} to this file. */
const own = Symbol();

/** How long a file system may take to answer, in milliseconds. */
const PATIENCE = 30_000;

/** What all objects of one sandbox share. */
interface Shared {
  id: string;
  space: Space;
  joiner: Joiner;
  helper: FileHelper;
  fs: SandboxFs;
  /** The ports on this machine, by those inside. */
  exposed: Map<number, Exposed>;
  env: Environment;
  labels: Readonly<Record<string, string>>;
  /** The timer of its timeout. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** It ends with the object that made it. */
  session: boolean;
  /** The shell of `sh`, once it is known. */
  shell: "bash" | "sh" | undefined;
}

/** The sandboxes of this process. */
const living = new Map<string, Shared>();

/**
 * A place to run code that is not trusted, on this machine: its commands see
 * their own processes, files and network only. It has no network.
 *
 * ```ts
 * import { Sandbox } from "./mod.ts";
 *
 * await using sandbox = await Sandbox.create({ rootfs: "./fs" });
 * console.log(await sandbox.sh`echo hello from $HOSTNAME`.text());
 * ```
 */
export class Sandbox implements AsyncDisposable {
  readonly #shared: Shared;
  readonly #closed = Promise.withResolvers<void>();
  /** Whether this object made the sandbox. */
  readonly #made: boolean;
  #connected = true;
  #url: string | undefined;

  /** @internal */
  constructor(symbol: symbol, shared: Shared, made: boolean) {
    if (symbol !== own) {
      throw new TypeError("Cannot make a Sandbox: use Sandbox.create()");
    }
    this.#shared = shared;
    this.#made = made;
    shared.space.ended.catch(() => {}).then(() => this.#disconnect());
  }

  /**
   * Makes a sandbox. Resolves when commands can be started.
   *
   * Call it from the main thread, or from a worker that lives as long as the
   * sandbox: it is killed when the thread that made it ends.
   *
   * @throws {OptionError} for an option that is unknown or has a wrong value;
   * {ContainerError} for options that cannot be met on this machine
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    try {
      const { container, timeout, labels } = settle(options);
      for (const [key, value] of Object.entries(options.env ?? {})) {
        checkVariable(key, value);
      }
      options.signal?.throwIfAborted();
      const space = await Space.open(container);
      const joiner = new Joiner(space);
      const helper = new FileHelper(
        space,
        joiner,
        options.fsTimeout ?? PATIENCE,
      );
      const shared: Shared = {
        id: `sbx_loc_${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`,
        space,
        joiner,
        helper,
        fs: new SandboxFs(helper),
        exposed: new Map(),
        env: new Environment(space.spec.process.env),
        labels,
        timer: undefined,
        session: timeout === null,
        shell: undefined,
      };
      living.set(shared.id, shared);
      space.ended.catch(() => {}).then(() => {
        clearTimeout(shared.timer);
        living.delete(shared.id);
        for (const exposed of shared.exposed.values()) exposed.close();
      });
      if (timeout !== null) setTimer(shared, timeout);
      const sandbox = new Sandbox(own, shared, true);
      if (options.port !== undefined) {
        try {
          sandbox.#url = await sandbox.exposeHttp({ port: options.port });
        } catch (error) {
          space.kill();
          await space.ended.catch(() => {});
          throw error;
        }
      }
      return sandbox;
    } catch (error) {
      throw inLibraryWords(error);
    }
  }

  /**
   * Another object for a living sandbox of this program.
   *
   * @throws {ConnectionClosedError} if there is none with this ID
   */
  static connect(
    idOrOptions: string | { id: string },
  ): Promise<Sandbox> {
    const id = typeof idOrOptions === "string" ? idOrOptions : idOrOptions.id;
    const shared = living.get(id);
    return shared
      ? Promise.resolve(new Sandbox(own, shared, false))
      : Promise.reject(
        new ConnectionClosedError(
          `connect to ${id}`,
          "this program has no such sandbox",
        ),
      );
  }

  /** The ID of the sandbox. */
  get id(): string {
    return this.#shared.id;
  }

  /** Resolves when this object is closed, or the sandbox has ended. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The labels that it was given. Ours. */
  get labels(): Readonly<Record<string, string>> {
    return this.#shared.labels;
  }

  /** Where the option `port` can be reached on this machine. */
  get url(): string | undefined {
    return this.#url;
  }

  /** The files of the sandbox. */
  get fs(): SandboxFs {
    return this.#shared.fs;
  }

  /** The environment of commands that start from now on. */
  get env(): SandboxEnv {
    return this.#shared.env;
  }

  /**
   * Starts a command. Resolves when it has been executed.
   *
   * @throws {CommandError} if it is not there or cannot be executed;
   * {ConnectionClosedError} if the sandbox has ended
   */
  async spawn(
    command: string | URL,
    options: SpawnOptions = {},
  ): Promise<ChildProcess> {
    const shared = this.#use("start a command");
    const { args = [], env = {}, clearEnv = false, signal } = options;
    signal?.throwIfAborted();
    try {
      const process = await shared.joiner.start({
        args: [pathOf(command), ...args.map(String)],
        cwd: options.cwd === undefined
          ? HOME
          : resolve(HOME, pathOf(options.cwd)),
        env: shared.env.with(env, clearEnv),
        sudo: options.sudo ?? false,
        stdin: options.stdin ?? "null",
        stdout: options.stdout ?? "inherit",
        stderr: options.stderr ?? "inherit",
      });
      const child = ChildProcess.of(
        process,
        () => shared.space.ranOutOfMemory(),
      );
      if (signal) endWith(child, signal);
      return child;
    } catch (error) {
      throw inLibraryWords(error);
    }
  }

  /**
   * A shell command: bash, or sh where there is no bash. Values become words of
   * their own; an array becomes several. It runs when it is awaited.
   */
  sh(
    templateStrings: TemplateStringsArray,
    ...substitutions: unknown[]
  ): SandboxCommandBuilder {
    return SandboxCommandBuilder.of(
      (request) => this.#startShell(request),
      templateStrings,
      substitutions,
    );
  }

  async #startShell(
    { text, sudo, cwd, env, stdout, stderr }: ShellRequest,
  ): Promise<ChildProcess> {
    const shared = this.#use("start a command");
    const start = (shell: string) =>
      this.spawn(shell, {
        args: ["-c", text],
        env: { ...env },
        ...cwd === undefined ? {} : { cwd },
        ...{ sudo, stdout, stderr },
      });
    if (shared.shell) return await start(shared.shell);
    const probe = await this.spawn("sh", {
      args: ["-c", "command -v bash"],
      stdout: "null",
      stderr: "null",
    });
    shared.shell = (await probe.status).success ? "bash" : "sh";
    return await start(shared.shell);
  }

  /**
   * Lets programs of this machine connect to a port inside.
   *
   * @returns its URL, on 127.0.0.1
   */
  // deno-lint-ignore require-await -- A wrong port rejects.
  async exposeHttp({ port }: { port: number }): Promise<string> {
    return find(this.#use("expose a port"), port).url;
  }

  /**
   * Makes a request in the network of the sandbox, where `http://localhost` is
   * its own.
   *
   * @throws {Deno.errors.NotCapable} for another host; {TypeError} if nothing
   * listens there
   */
  // deno-lint-ignore require-await -- A wrong URL rejects.
  async fetch(
    input: string | URL,
    init: RequestInit = {},
  ): Promise<Response> {
    const shared = this.#use("fetch");
    return fetchInside(input, init, (port) => find(shared, port));
  }

  /**
   * What the sandbox uses now. Ours.
   *
   * @throws {ContainerError} unless a limit gave it a cgroup
   */
  stats(): Stats {
    const { cgroup } = this.#use("read the resource usage").space;
    if (cgroup) return cgroup.manager.stats();
    throw new ContainerError(
      "Cannot read the resource usage of the sandbox: it has no cgroup",
      { hint: "Set a limit (memory, cpus or pids)." },
    );
  }

  /**
   * Closes this object. A sandbox without a `timeout` ends with the object that
   * made it; another one goes on until its time is over.
   */
  async close(): Promise<void> {
    if (this.#made && this.#shared.session) await this.#end();
    this.#disconnect();
  }

  /** Kills the sandbox with everything in it. */
  async kill(): Promise<void> {
    await this.#end();
    this.#disconnect();
  }

  /**
   * Lets the sandbox live for this time from now on.
   *
   * @returns when it will be killed
   */
  // deno-lint-ignore require-await -- A wrong time rejects.
  async extendTimeout(timeout: Exclude<Timeout, "session">): Promise<Date> {
    const shared = this.#use("extend the timeout");
    const milliseconds = parseTimeout(timeout);
    if (milliseconds === null) {
      throw new InvalidTimeoutError(
        "timeout",
        "expected a duration",
        'Examples: "90s", "15m".',
      );
    }
    return setTimer(shared, milliseconds);
  }

  /**
   * Ends the sandbox if this object made it, also before its `timeout`, and
   * closes this object.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#made) await this.#end();
    this.#disconnect();
  }

  #use(action: string): Shared {
    const { space } = this.#shared;
    if (this.#connected && space.isAlive) return this.#shared;
    throw new ConnectionClosedError(
      action,
      space.isAlive ? "this object is closed" : "the sandbox has ended",
    );
  }

  async #end(): Promise<void> {
    const { space } = this.#shared;
    space.kill();
    await space.ended;
  }

  #disconnect(): void {
    this.#connected = false;
    this.#closed.resolve();
  }
}

/** The port on this machine for one inside. */
function find({ exposed, helper }: Shared, port: unknown): Exposed {
  if (!Number.isInteger(port) || !(Number(port) > 0 && Number(port) < 65536)) {
    throw new OptionError("port", "expected a port from 1 to 65535");
  }
  const inside = Number(port);
  const known = exposed.get(inside) ?? Exposed.listen(helper, inside);
  exposed.set(inside, known);
  return known;
}

function setTimer(shared: Shared, milliseconds: number): Date {
  clearTimeout(shared.timer);
  shared.timer = setTimeout(() => shared.space.kill(), milliseconds);
  Deno.unrefTimer(shared.timer);
  return new Date(Date.now() + milliseconds);
}

const pathOf = (path: string | URL): string =>
  typeof path === "string" ? path : fromFileUrl(path);

function endWith(child: ChildProcess, signal: AbortSignal): void {
  const end = () => {
    child.kill().catch(() => {});
  };
  if (signal.aborted) return end();
  signal.addEventListener("abort", end, { once: true });
  child.status.catch(() => {}).then(() =>
    signal.removeEventListener("abort", end)
  );
}
