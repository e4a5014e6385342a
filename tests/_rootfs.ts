/**
 * The basis of the tests of scripts/rootfs.ts. Each runs it as a user does, in
 * a directory of its own.
 *
 * @module
 */
// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
// @ts-types="../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";
import { HOST_BUSYBOX_PATHS } from "../rootfs/sources.ts";
import { staticBinaryProblem } from "../rootfs/verify.ts";

export const SCRIPT = fromFileUrl(
  new URL("../scripts/rootfs.ts", import.meta.url),
);
export const CONFIG = fromFileUrl(new URL("../deno.json", import.meta.url));
export const NEEDS_ROOT = Deno.uid() === 0 ? "" : " (skipped: needs root)";
export const BUSYBOX = HOST_BUSYBOX_PATHS.find((path) => {
  try {
    return staticBinaryProblem(Deno.readFileSync(path), Deno.build.arch) ===
      null;
  } catch {
    return false;
  }
});
export const NEEDS_BUSYBOX = BUSYBOX
  ? ""
  : " (skipped: no static busybox here)";
export const APT = aptWorks();

export interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

/** A directory with mode 0755, as usual, with an empty cache next to it. */
export class Place {
  constructor(readonly root: string) {}

  get dir() {
    return `${this.root}/work`;
  }

  get cache() {
    return `${this.root}/cache/container/busybox`;
  }

  command(
    args: string[],
    env: Record<string, string> = {},
    instead?: { program: string; args: string[] },
  ): Deno.Command {
    const cache = Deno.env.get("XDG_CACHE_HOME") ??
      `${Deno.env.get("HOME")}/.cache`;
    return new Deno.Command(instead?.program ?? Deno.execPath(), {
      args: instead?.args ??
        ["run", "-A", "--quiet", "--config", CONFIG, SCRIPT, ...args],
      cwd: this.dir,
      env: {
        // Deno's own cache would move with XDG_CACHE_HOME.
        DENO_DIR: Deno.env.get("DENO_DIR") ?? `${cache}/deno`,
        XDG_CACHE_HOME: `${this.root}/cache`,
        NO_COLOR: "1",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async run(args: string[], env?: Record<string, string>): Promise<Result> {
    const output = await this.command(args, env).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      status: output.code,
      stdout: decode(output.stdout),
      stderr: decode(output.stderr),
    };
  }

  /** Gives the place to a user of the host. */
  async give(uid: number): Promise<void> {
    for (const path of [this.root, this.dir, `${this.root}/cache`]) {
      await Deno.chown(path, uid, uid);
    }
  }

  /**
   * Runs the script as that user with the busybox of this host. The script is
   * bundled first, since only root may be able to read the checkout and the
   * module cache.
   */
  async runAs(uid: number, args: string[]): Promise<Result> {
    const [script, deno] = ["rootfs.js", "deno"].map((name) =>
      `${this.root}/${name}`
    ) as [string, string];
    if (!await exists(deno)) {
      await Deno.copyFile(Deno.execPath(), deno);
      const bundled = await new Deno.Command(deno, {
        args: ["bundle", "--quiet", "--config", CONFIG, "-o", script, SCRIPT],
      }).output();
      assert(bundled.success, new TextDecoder().decode(bundled.stderr));
    }
    const output = await this.command([], {
      DENO_DIR: `${this.root}/cache/deno`,
      HOME: this.root,
    }, {
      program: "setpriv",
      args: [
        ...[`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", deno],
        ...["run", "-A", "--quiet", "--no-config", script],
        ...["--busybox", BUSYBOX ?? "", ...args],
      ],
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      status: output.code,
      stdout: decode(output.stdout),
      stderr: decode(output.stderr),
    };
  }

  /** Runs the script on a terminal, whose output is the result's stdout. */
  async onTerminal(
    args: string[],
    env: Record<string, string>,
  ): Promise<Result> {
    const words = [Deno.execPath(), "run", "-A", "--config", CONFIG, SCRIPT];
    const line = [...words, ...args].map((word) => `'${word}'`).join(" ");
    const output = await this.command([], env, {
      program: "script",
      args: ["-qec", `stty rows 24 cols 100; ${line}`, "/dev/null"],
    }).output();
    const stdout = new TextDecoder().decode(output.stdout);
    return { status: output.code, stdout, stderr: "" };
  }

  /** Runs the script with the busybox of this host. It must succeed. */
  async build(...args: string[]): Promise<string> {
    const result = await this.run(["--busybox", BUSYBOX ?? "", ...args]);
    assertEquals(result.status, 0, result.stderr);
    assertEquals(result.stdout, "");
    return result.stderr;
  }

  names(below = "."): string[] {
    return [...Deno.readDirSync(`${this.dir}/${below}`)]
      .map((entry) => entry.name).sort();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** Runs a test in a place of its own, or skips it with a reason. */
export function test(
  name: string,
  skip: string,
  fn: (place: Place) => Promise<void>,
) {
  Deno.test({
    name: `rootfs ${name}${skip}`,
    ignore: skip !== "",
    fn: async () => {
      const place = new Place(await Deno.makeTempDir());
      try {
        await Deno.chmod(place.root, 0o755);
        await Deno.mkdir(place.dir);
        await Deno.chmod(place.dir, 0o755);
        await Deno.mkdir(`${place.root}/cache`);
        await fn(place);
      } finally {
        await Deno.remove(place.root, { recursive: true });
      }
    },
  });
}

export async function mounted(
  target: string,
  options: string,
  run: () => Promise<void>,
) {
  const call = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command(args[0]!, {
      args: args.slice(1),
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  };
  await call("mount", "-t", "tmpfs", "-o", options, "tmpfs", target);
  try {
    await run();
  } finally {
    await call("umount", target);
  }
}

/** Whether apt reaches its archive. The test with Debian depends on that. */
export function aptWorks(): boolean {
  const dir = Deno.makeTempDirSync();
  try {
    return new Deno.Command("apt-get", {
      args: ["-o", "Acquire::Retries=0", "download", "busybox-static"],
      cwd: dir,
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch {
    return false;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

export function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["-V"], stdout: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** An address on which no program listens. */
export function closedUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}/busybox`;
}
