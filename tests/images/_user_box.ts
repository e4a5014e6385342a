/** A store of images of an ordinary user. */

import { COMPILED, execute, type Result } from "../_harness.ts";
import { CONTAINER, without } from "../_harness.ts";
import { Owner, type OwnerName } from "../_owner.ts";
import { ImageBox } from "./_image_store.ts";
import { NO_REGISTRY } from "./_registry.ts";

/** Why users cannot run images here, or null. */
export const NO_USERS = NO_REGISTRY ?? without("umoci") ??
  without("busybox") ?? without("newuidmap") ?? without("setpriv") ??
  // The sources, and Deno itself, can be closed to others.
  (COMPILED ? null : "needs the compiled program");

/** A store that belongs to a user, who has subordinate IDs by default. */
export class UserBox extends ImageBox {
  private constructor(readonly owner: Owner) {
    super();
  }

  static async make(
    name: OwnerName = "user with subordinate ids",
    options: { packages?: boolean } = {},
  ): Promise<UserBox> {
    const box = new UserBox(await Owner.make(name, options));
    await execute(
      ["chown", "-R", `${box.owner.uid}:${box.owner.uid}`, box.dir.path],
    );
    return box;
  }

  /** Runs any program as the user, after a script of root in a mount namespace. */
  as(words: readonly string[], script = ""): Promise<Result> {
    const before = script
      ? ["unshare", "--mount", "sh", "-ec", `${script}\nexec "$@"`, "sh"]
      : [];
    return execute([...before, ...this.owner.before, ...words], {
      env: { ...this.owner.env, ...this.env },
      cwd: this.dir.path,
    });
  }

  /** The words of a command with a store and a state directory of the user. */
  override words(...args: string[]): string[] {
    return [
      ...[...CONTAINER, "--store", this.store],
      ...["--root", `${this.dir.path}/state`, ...args],
    ];
  }

  override call(...args: string[]): Promise<Result> {
    return this.as(this.words(...args));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.owner[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }
}
