/** The basis of the tests of sandboxes: as this process, and as an ordinary user. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Sandbox, type SandboxOptions } from "../../mod.ts";
import { REPOSITORY, rootfs, test as hostTest } from "../_harness.ts";
import { asOrdinaryUser, descriptors } from "../_library.ts";

/** A sandbox on the root filesystem to test with. */
export const create = (options: SandboxOptions = {}): Promise<Sandbox> =>
  Sandbox.create({ rootfs: rootfs(), ...options });

/**
 * A test that leaves the host unchanged, and no descriptor open in this
 * process.
 */
export function test(
  name: string,
  fn: () => Promise<void>,
  options: { skip?: string | null } = {},
): void {
  hostTest(`sandbox: ${name}`, async () => {
    // Descriptors that are opened once and kept must be open before.
    {
      await using sandbox = await create();
      await sandbox.sh`true`;
      await sandbox.fs.stat("/");
    }
    const before = descriptors();
    await fn();
    assertEquals(descriptors(), before, "Descriptors have come or gone");
  }, options);
}

/**
 * Runs a program as an ordinary user, with everything of mod.ts, `rootfs` and
 * `create`; returns its output.
 *
 * @param plant puts something into the root filesystem first
 */
export const asUser = (
  body: string,
  plant?: (rootfs: string) => Promise<void>,
): Promise<string> =>
  asOrdinaryUser(
    (rootfs) =>
      `import * as mod from "${REPOSITORY}/mod.ts";
     const { Sandbox } = mod;
     const rootfs = ${JSON.stringify(rootfs)};
     const create = (options) => Sandbox.create({ rootfs, ...options });
     ${body}`,
    plant,
  );
