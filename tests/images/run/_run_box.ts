/** A store that umoci has written, with images that can run. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { without } from "../../_harness.ts";
import { does, ImageBox } from "../_image_store.ts";

/** Why there cannot be such a store. */
export const NO_BOX = without("umoci") ?? without("busybox");

/** A store with an image of two layers, and containers of it. */
export class RunBox extends ImageBox {
  static async make(): Promise<RunBox> {
    const box = new RunBox();
    const script = `
umoci init --layout store
umoci new --image store:empty
umoci new --image store:app
umoci unpack --image store:app one >/dev/null
cd one/rootfs
mkdir -p bin etc data work
cp "$(command -v busybox)" bin/busybox
for name in sh cat echo ls pwd id env rm sleep stat; do ln -s busybox bin/$name; done
echo 'root:x:0:0::/root:/bin/sh
web:x:7:8::/data:/bin/sh' >etc/passwd
echo 'web:x:8:' >etc/group
echo old >data/old
echo gone >data/gone
chown 7:8 data/old
cd ../..
umoci repack --image store:app one
rm -rf one
umoci unpack --image store:app two >/dev/null
rm two/rootfs/data/gone
echo new >two/rootfs/data/new
umoci repack --image store:app two
rm -rf two
umoci config --image store:app --tag plain --config.cmd id --config.exposedports 80/tcp
umoci config --image store:plain --tag foreign --architecture s390x
umoci config --image store:plain --tag kept --config.volume /data
umoci config --image store:app --config.user web --config.workingdir /made/here \
  --config.env COLOUR=red --config.env PATH=/bin --config.entrypoint /bin/echo \
  --config.entrypoint entry --config.cmd cmd --config.label tier=test --config.stopsignal SIGUSR1
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

  /** The directories of containers that are left in the store. */
  changes(): string[] {
    try {
      return [...Deno.readDirSync(`${this.store}/containers`)]
        .map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }
}
