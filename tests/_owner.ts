/**
 * The owner of a test's bundle: root, or an ordinary user without or with
 * subordinate ids.
 *
 * CONTAINER_TEST_OWNER sets the owner for every test of a bundle that names
 * none: `CONTAINER_TEST_OWNER=user deno task test hooks`.
 */

import { NAMED_OWNER, Nobody } from "./_harness.ts";
import type { Config } from "./_config.ts";

/** The uid that setpriv uses, and that of `nobody` on Debian. */
const UID = 65534;

/** The user with subordinate ids, in a range that no machine uses. */
const SUBIDS = { uid: 64242, first: 1_000_000_000, count: 65536 };

/** All owners. */
export const OWNERS = ["root", "user", "user with subordinate ids"] as const;

/** The name of an owner. */
export type OwnerName = typeof OWNERS[number];

/** The owner of bundles in tests that name none. */
export const USUAL_OWNER: OwnerName =
  OWNERS.find((name) => name === NAMED_OWNER) ??
    "root";

/** The owner of a bundle, and how commands run as that user. */
export class Owner implements AsyncDisposable {
  private constructor(
    readonly name: OwnerName,
    readonly uid: number,
    /** The words before a command. */
    readonly before: readonly string[] = [],
    readonly env: Record<string, string> = {},
    private readonly nobody?: Nobody,
  ) {}

  /** @param options.packages the owner also runs sources */
  static async make(
    name: OwnerName,
    options: { packages?: boolean } = {},
  ): Promise<Owner> {
    if (name === "root") return new Owner(name, 0);
    const nobody = await Nobody.make(options);
    return name === "user"
      ? new Owner(name, UID, nobody.before, nobody.env, nobody)
      : new Owner(name, SUBIDS.uid, asSubidUser(), nobody.env, nobody);
  }

  /**
   * Changes a config.json as `spec --rootless` would write it, with all ids of
   * the owner.
   */
  adapt({ linux, mounts }: Config): void {
    if (this.name === "root") return;
    delete linux.cgroupsPath;
    delete linux.resources;
    for (const mount of mounts) {
      mount.options = mount.options?.filter((option) => option !== "gid=5");
    }
    const namespaces = linux.namespaces as { type: string }[];
    namespaces.push({ type: "user" });
    const own = { containerID: 0, hostID: this.uid, size: 1 };
    const { first, count } = SUBIDS;
    linux.uidMappings = linux.gidMappings = this.name === "user"
      ? [own]
      : [own, { containerID: 1, hostID: first, size: count }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nobody?.[Symbol.asyncDispose]();
  }
}

/**
 * The words that run a command as a user unknown to the host. newuidmap(1)
 * finds the name and the ids in a mount namespace of this command.
 */
function asSubidUser(): string[] {
  const { uid, first, count } = SUBIDS;
  const lines = {
    passwd: `tester:x:${uid}:${uid}::/:/bin/sh`,
    group: `tester:x:${uid}:`,
    subuid: `tester:${first}:${count}`,
    subgid: `tester:${first}:${count}`,
  };
  const script = [
    "d=$(mktemp -d)",
    "mount -t tmpfs none $d",
    ...Object.entries(lines).map(([name, line]) =>
      `{ cat /etc/${name} 2>/dev/null; echo ${line}; } >$d/${name}
       mount --bind $d/${name} /etc/${name}`
    ),
    "umount -l $d",
    "rmdir $d",
    `exec setpriv --reuid=${uid} --regid=${uid} --clear-groups "$@"`,
  ].join("\n");
  return ["unshare", "--mount", "sh", "-ec", script, "sh"];
}
