/** A store with an image of busybox, and containers of it, for one test. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { container, execute, type Result } from "../../_harness.ts";
import { ImageBox } from "../_image_store.ts";
import { directory, file, symlink, tar } from "../_tar.ts";

const TOOLS = "sh cat echo ls rm sleep mkdir touch tar stat ln id";

/** The root filesystem of the image. */
export async function rootFilesystem(): Promise<Uint8Array> {
  const { stdout } = await execute(["sh", "-c", "command -v busybox"]);
  return tar(
    directory("./"),
    directory("bin"),
    file("bin/busybox", await Deno.readFile(stdout.trim()), { mode: 0o755 }),
    ...TOOLS.split(" ").map((name) => symlink(`bin/${name}`, "busybox")),
    directory("etc"),
    file("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
    directory("data", { uid: 7, gid: 8 }),
    file("data/old", "old", { uid: 7, gid: 8, mode: 0o640 }),
    file("data/gone", "gone"),
    symlink("dabs", "/data"),
    symlink("broken", "nowhere"),
    symlink("out", "/../../../../etc"),
  );
}

/** The box. */
export class ContainerBox extends ImageBox {
  /** Makes the box with the image `base:1`. */
  static async make(): Promise<ContainerBox> {
    const box = new ContainerBox();
    const { status, stderr } = await box.fed(
      await rootFilesystem(),
      ...["import", "-c", 'CMD ["sh"]', "-c", "ENV PATH=/bin COLOUR=red"],
      ...["-c", "LABEL tier=test", "-", "base:1"],
    );
    assertEquals(status, 0, stderr);
    Deno.mkdirSync(box.host);
    return box;
  }

  /** A directory of the host. */
  readonly host = `${this.dir.path}/host`;

  /** Calls a command with a state directory of its own. */
  override call(...args: string[]): Promise<Result> {
    return this.fed(undefined, ...args);
  }

  /** As call(), with standard input. */
  fed(stdin: Uint8Array | undefined, ...args: string[]): Promise<Result> {
    return container(
      ["--store", this.store, "--root", `${this.dir.path}/state`, ...args],
      {
        env: this.env,
        cwd: this.dir.path,
        ...stdin ? { stdin } : {},
      },
    );
  }

  /** A container that has run this script and has ended. */
  async ended(name: string, script: string): Promise<void> {
    await this.does("run", "--name", name, "base:1", "sh", "-ec", script);
  }

  /** A container that runs, after this script. */
  async running(name: string, script = ""): Promise<void> {
    await this.does(
      ...["run", "-d", "--name", name, "base:1", "sh", "-ec"],
      `${script}\ntouch /started\nexec sleep 1000`,
    );
    for (;;) {
      const { status } = await this.call("exec", name, "stat", "/started");
      if (status === 0) return;
    }
  }

  /** As listed(). */
  listed(bytes: Uint8Array): Promise<string[]> {
    return listed(bytes);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const { stdout } = await this.call("ps", "-aq");
    const ids = lines(stdout);
    if (ids.length) await this.does("rm", "-f", ...ids);
    await super[Symbol.asyncDispose]();
  }
}

/** The lines of a text. */
export const lines = (text: string): string[] =>
  text.split("\n").filter((line) => line !== "");

/** The names, kinds, modes and owners in a tar file. */
export async function listed(bytes: Uint8Array): Promise<string[]> {
  const { stdout } = await execute(
    ["tar", "--numeric-owner", "-t", "-v"],
    { stdin: bytes },
  );
  return lines(stdout).map((line) => {
    const [mode, owner, size, , , ...name] = line.split(/\s+/);
    return `${mode} ${owner} ${mode!.startsWith("-") ? `${size} ` : ""}${
      name.join(" ")
    }`;
  });
}
