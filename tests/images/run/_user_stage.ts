/** An image in a registry, and a user who runs it. */

import type { OwnerName } from "../../_owner.ts";
import { does } from "../_image_store.ts";
import { Registry } from "../_registry.ts";
import { UserBox } from "../_user_box.ts";

const IMAGE = `
umoci init --layout layout
umoci new --image layout:app
umoci unpack --image layout:app one >/dev/null
cd one/rootfs
mkdir -p bin etc data secret dev
cp "$(command -v busybox)" bin/busybox
for name in sh cat chmod chown echo ls id mkdir mknod sleep stat touch; do ln -s busybox bin/$name; done
echo 'root:x:0:0::/root:/bin/sh
web:x:7:8::/data:/bin/sh' >etc/passwd
echo 'web:x:8:' >etc/group
echo data >data/file
chown -R 7:8 data secret
chmod 700 secret
mknod dev/node c 1 3
cd ../..
umoci repack --image layout:app one
umoci config --image layout:app --config.env PATH=/bin
rm -rf one
`;

/** A registry with the image, and a user. */
export class Stage implements AsyncDisposable {
  private constructor(readonly registry: Registry, readonly box: UserBox) {}

  static async make(
    name?: OwnerName,
    options?: { packages?: boolean },
  ): Promise<Stage> {
    const stage = new Stage(
      await Registry.start(),
      await UserBox.make(name, options),
    );
    const { path } = stage.registry.dir;
    await does(["sh", "-ec", IMAGE], { cwd: path });
    await does([
      ...["skopeo", "copy", "--quiet", "--dest-tls-verify=false"],
      ...[`oci:${path}/layout:app`, `docker://${stage.name}`],
    ]);
    return stage;
  }

  get name(): string {
    return `${this.registry.host}/app:1`;
  }

  run(...args: string[]): Promise<string> {
    return this.box.does("run", "-q", ...args);
  }

  /** The directories of containers, and garbage, in the store. */
  left(): string[] {
    return ["containers", "work"].flatMap((name) => {
      try {
        return [...Deno.readDirSync(`${this.box.store}/${name}`)]
          .map((entry) => entry.name);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.box[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}
