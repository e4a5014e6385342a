/** A store of images for a test, and images to fill registries with. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import {
  CONTAINER,
  container,
  execute,
  type Options,
  type Result,
  TempDir,
} from "../_harness.ts";

/** Runs a program that must succeed; returns its output. */
export async function does(
  words: readonly string[],
  options: Options = {},
): Promise<string> {
  const { status, stdout, stderr } = await execute(words, options);
  assertEquals(status, 0, `${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** A store, a home and settings that only this test uses. */
export class ImageBox implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly store = `${this.dir.path}/store`;
  readonly home = `${this.dir.path}/home`;

  constructor() {
    Deno.mkdirSync(`${this.home}/.config/containers`, { recursive: true });
    this.settings("registries.conf", "");
  }

  /** Writes a settings file of the user. */
  settings(name: string, text: string): void {
    Deno.writeTextFileSync(`${this.home}/.config/containers/${name}`, text);
  }

  get env(): Record<string, string> {
    return {
      HOME: this.home,
      XDG_CONFIG_HOME: "",
      XDG_RUNTIME_DIR: "",
      DOCKER_CONFIG: "",
      REGISTRY_AUTH_FILE: "",
    };
  }

  /** The words of a command. */
  words(...args: string[]): string[] {
    return [...CONTAINER, "--store", this.store, ...args];
  }

  /** Runs a command of the program with this store. */
  call(...args: string[]): Promise<Result> {
    return container(["--store", this.store, ...args], { env: this.env });
  }

  /** Runs a command that must succeed; returns its output. */
  async does(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...args);
    assertEquals(status, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs a command that must fail with one line; returns it. */
  async fails(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...args);
    assertEquals([status, stdout], [125, ""], `${args.join(" ")}: ${stderr}`);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    return stderr.trimEnd();
  }

  /** The number of blobs, of layers, and of works in the store. */
  left(): number[] {
    return ["blobs/sha256", "layers", "work"].map((name) => {
      try {
        return [...Deno.readDirSync(`${this.store}/${name}`)].length;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return 0;
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }
}

/** An image of two layers: one large file, and a change of another. */
export class SampleImage implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly layout = `${this.dir.path}/layout`;

  /** @param megabytes the size of its first layer, which does not compress */
  static async make(megabytes = 1): Promise<SampleImage> {
    const image = new SampleImage();
    const { path } = image.dir;
    const script = `
umoci init --layout layout
umoci new --image layout:v1
umoci unpack --image layout:v1 one >/dev/null
mkdir -p one/rootfs/bin one/rootfs/etc/deep
head -c ${megabytes}M /dev/urandom >one/rootfs/bin/large
echo first >one/rootfs/etc/file
echo gone >one/rootfs/etc/deep/gone
chmod 4755 one/rootfs/bin/large
chown 12:34 one/rootfs/etc/file
umoci repack --image layout:v1 one
umoci tag --image layout:v1 plain
rm -rf one
umoci unpack --image layout:v1 two >/dev/null
echo second >two/rootfs/etc/file
rm -r two/rootfs/etc/deep
ln -s file two/rootfs/etc/link
umoci repack --image layout:v1 two
rm -rf two
umoci config --image layout:v1 --config.cmd sh --config.label tier=test
`;
    await does(["sh", "-ec", script], { cwd: path });
    return image;
  }

  /** Copies the image into a registry with skopeo. */
  async put(
    name: string,
    { format = "oci", flags = [], tag = "v1" }: {
      format?: "oci" | "v2s2";
      flags?: readonly string[];
      /** "plain" has the first layer only. */
      tag?: "v1" | "plain";
    } = {},
  ): Promise<void> {
    await does([
      ...["skopeo", "copy", "--quiet", "--dest-tls-verify=false"],
      ...["--format", format, ...flags],
      `oci:${this.layout}:${tag}`,
      `docker://${name}`,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }
}
