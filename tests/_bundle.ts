/** A bundle for the tests of the OCI runtime's commands. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  CONTAINER,
  container,
  copyRootfs,
  execute,
  type Options,
  type Result,
  TempDir,
} from "./_harness.ts";
import type { Config } from "./_config.ts";
import { Owner, type OwnerName, USUAL_OWNER } from "./_owner.ts";

/** The output of `container spec`, which is always the same. */
let spec: string | undefined;

async function makeSpec(path: string): Promise<string> {
  const { status, stderr } = await container(["spec", "--bundle", path]);
  assertEquals([status, stderr], [0, ""]);
  return await Deno.readTextFile(`${path}/config.json`);
}

/** A bundle, and a directory for the state of its containers. */
export class Bundle implements AsyncDisposable {
  /** Flags before each command. */
  globals: readonly string[] = [];
  readonly #ids = new Set<string>();
  private constructor(readonly dir: TempDir, readonly owner: Owner) {}

  static async make(
    args: string[],
    change: (config: Config) => void = () => {},
    as: OwnerName = USUAL_OWNER,
  ): Promise<Bundle> {
    const owner = await Owner.make(as);
    const bundle = new Bundle(new TempDir(), owner);
    const { path } = bundle.dir;
    await copyRootfs(path);
    const file = `${path}/config.json`;
    const config = JSON.parse(spec ??= await makeSpec(path)) as Config;
    config.process.args = args;
    config.process.terminal = false;
    // Two tests may each have a container with the same id.
    config.linux.cgroupsPath = `/${path.slice(path.lastIndexOf("/") + 1)}`;
    owner.adapt(config);
    change(config);
    await Deno.writeTextFile(file, JSON.stringify(config));
    await bundle.give();
    return bundle;
  }

  /** Gives all files to the bundle's owner. */
  async give(): Promise<void> {
    const { owner: { uid }, dir: { path } } = this;
    if (!uid) return;
    const { status, stderr } = await execute(
      ["chown", "-hR", `${uid}:${uid}`, path],
    );
    assertEquals([status, stderr], [0, ""]);
  }

  /** The words of a command of the runtime. */
  words(...args: readonly string[]): string[] {
    const state = `${this.dir.path}/state`;
    return [
      ...[...this.owner.before, ...CONTAINER, "--root", state],
      ...[...this.globals, ...args],
    ];
  }

  /** Runs words as the bundle's owner. */
  execute(words: readonly string[], options: Options = {}): Promise<Result> {
    return execute(words, {
      ...options,
      env: { ...this.owner.env, ...options.env },
    });
  }

  /** Runs a command of the runtime. */
  call(command: string, ...args: string[]): Promise<Result> {
    return this.execute(this.words(command, ...args));
  }

  /** Runs a command that must succeed without messages. */
  async does(command: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(command, ...args);
    assertEquals([status, stderr], [0, ""], `${command} ${args.join(" ")}`);
    return stdout;
  }

  async create(id: string, ...flags: string[]): Promise<void> {
    this.#ids.add(id);
    // The container keeps our streams open as long as it lives, so they are no
    // pipes.
    const [program, ...args] = this.words(
      ...["create", "--bundle", this.dir.path, ...flags, id],
    );
    const { code } = await new Deno.Command(program!, {
      args,
      env: this.owner.env,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    assertEquals(code, 0);
  }

  async status(id: string): Promise<string> {
    return JSON.parse(await this.does("state", id)).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#ids) {
      const { status, stderr } = await this.call("delete", "--force", id);
      if (status === 0) continue;
      // The test will find what is left behind; this explains why.
      Deno.stderr.writeSync(new TextEncoder().encode(stderr));
    }
    await this.dir[Symbol.asyncDispose]();
    await this.owner[Symbol.asyncDispose]();
  }
}
