/** Containers in the background, with a state directory of the test's own. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { readProcess } from "./_host.ts";
import {
  CONTAINER,
  container,
  type Options,
  type Result,
  rootfs,
  TempDir,
  until,
} from "./_harness.ts";

/** The part of the output of inspect that tests read. */
export interface Inspected {
  Id: string;
  Name: string;
  State: {
    Status: string;
    Running: boolean;
    OOMKilled: boolean;
    Pid: number;
    ExitCode: number | null;
    Error: string;
    FinishedAt: string | null;
  };
  RestartCount: number;
  LogPath: string;
  KeeperPid: number;
  Cgroups: string[];
  Config: { Labels: Record<string, string>; Tty: boolean };
}

/** A store of containers, which removes all of them at its end. */
export class Daily implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly root = `${this.dir.path}/state`;
  readonly #options: Options;

  /**
   * @param options how each command is started, such as another user
   * @param owner the user whose store it is
   */
  constructor(options: Options = {}, owner?: number) {
    this.#options = options;
    Deno.mkdirSync(this.root, { mode: 0o700 });
    if (owner !== undefined) Deno.chownSync(this.root, owner, owner);
  }

  /** The words of a command, for a session or a shell. */
  words(...args: string[]): string[] {
    return [...CONTAINER, "--root", this.root, ...args];
  }

  /** Runs any command of the program. */
  call(...args: string[]): Promise<Result> {
    return container(["--root", this.root, ...args], this.#options);
  }

  /** Runs a command that must succeed without messages; returns its output. */
  async does(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...args);
    assertEquals([status, stderr], [0, ""], args.join(" "));
    return stdout;
  }

  /** Runs `run --detach` and returns the id. */
  async run(...args: string[]): Promise<string> {
    const out = await this.does(
      ...["run", "-d", "-q", "--rootfs", rootfs(), ...args],
    );
    return out.trim();
  }

  async inspect(word: string): Promise<Inspected> {
    const [found] = JSON.parse(await this.does("inspect", word));
    return found;
  }

  /** Waits until a container has a state. */
  async is(word: string, status: string): Promise<void> {
    let last = "";
    await until(
      () => `${word} is ${status}, and not ${last}`,
      async () => {
        last = (await this.inspect(word)).State.Status;
        return last === status;
      },
    );
  }

  /** Waits until a container's log contains a text. */
  async says(word: string, text: string): Promise<void> {
    let last = "";
    await until(
      () => `the log of ${word} has ${text}: ${last}`,
      async () => {
        const { stdout, stderr } = await this.call("logs", word);
        last = stdout + stderr;
        return last.includes(text);
      },
    );
  }

  /** The contents of the store, without the directory of names. */
  left(): string[] {
    const names = (path: string) =>
      [...Deno.readDirSync(path)].map(({ name }) => name)
        .filter((name) => name !== ".lock");
    return names(this.root).flatMap((name) =>
      name === "@names" ? names(`${this.root}/@names`) : [name]
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdout } = await this.call("ps", "-aq", "--no-trunc");
    const ids = stdout.trim().split("\n").filter(Boolean);
    if (ids.length) {
      const { status, stderr } = await this.call("rm", "-f", ...ids);
      assertEquals([status, stderr], [0, ""]);
    }
    await this.dir[Symbol.asyncDispose]();
  }
}

/** Waits until a process has ended, whether or not it has been reaped. */
export async function gone(pid: number): Promise<void> {
  await until(`process ${pid} ends`, () => {
    const state = readProcess(pid)?.state;
    return state === undefined || state === "Z" || state === "X";
  });
}

/** The resident memory of a process in kilobytes, from its status. */
export function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(status.match(/^VmRSS:\s*(\d+)/m)?.[1]);
}
