/** A store with an image whose directories become volumes. */

// @ts-types="../../../types/std_assert.d.ts"

import { assertEquals } from "@std/assert";
import { without } from "../../_harness.ts";
import { does, ImageBox } from "../_image_store.ts";

/** Why volumes of images cannot be tested here, or null. */
export const NO_VOLUMES = without("umoci") ?? without("busybox");

/** A store with the image `app`, whose volumes are /vol and /data. */
export class VolumeBox extends ImageBox {
  static async make(): Promise<VolumeBox> {
    const box = new VolumeBox();
    const script = `
umoci init --layout store
umoci new --image store:app
umoci unpack --image store:app one >/dev/null
cd one/rootfs
mkdir -p bin etc data/sub
cp "$(command -v busybox)" bin/busybox
for name in sh cat echo ls sleep stat touch true; do ln -s busybox bin/$name; done
echo old >data/old
chown 7:8 data data/old
chmod 750 data
chmod 4751 data/old
ln data/old data/sub/hard
ln -s old data/link
ln -s /data indirect
mkfifo data/fifo
touch -d 2001-02-03T04:05:06Z data/old
cd ../..
umoci repack --image store:app one
rm -rf one
umoci config --image store:app --config.cmd true --config.volume /vol --config.volume /data
umoci config --image store:app --tag plain --clear=config.volume
`;
    await does(["sh", "-ec", script], { cwd: box.dir.path });
    return box;
  }

  /** Calls a command with a state directory of its own. */
  in(...args: string[]) {
    return this.call("--root", `${this.dir.path}/state`, ...args);
  }

  /** Calls a command that must succeed; returns its output. */
  async out(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.in(...args);
    assertEquals(status, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs a container and returns its output. */
  run(...args: string[]): Promise<string> {
    return this.out("run", "-q", ...args);
  }

  /** Calls a command that must fail with one line; returns it. */
  async refused(...args: string[]): Promise<string> {
    const { status, stderr } = await this.in(...args);
    assertEquals(status, 125, args.join(" "));
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    return stderr.trimEnd();
  }

  /** The names in a directory of the store. */
  names(directory: string): string[] {
    try {
      return [...Deno.readDirSync(`${this.store}/${directory}`)]
        .map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** The file or directory of a volume. */
  data(name: string, path = ""): string {
    return `${this.store}/volumes/${name}/_data${path}`;
  }
}
