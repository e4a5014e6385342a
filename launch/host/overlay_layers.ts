/**
 * The directories of `--overlay DIR`, which keep the changes to a root
 * filesystem. Runs on the host, in the parent, before anything else of the
 * container exists.
 */

import type { Facts } from "../../plan/facts.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { hostIdOf } from "../../spec/ids.ts";

/**
 * Makes the missing directories of the layers. The upper one determines the
 * owner of `/` inside, so it belongs to the container's root.
 *
 * @throws ContainerError if they cannot be made
 */
export function makeLayers(spec: Spec, { overlay }: Facts): void {
  const { upper, work } = overlay ?? {};
  if (!upper || !work) return;
  try {
    for (const path of [upper, work]) {
      if (isThere(path)) continue;
      Deno.mkdirSync(path, { recursive: true });
      Deno.chmodSync(path, 0o755);
      const { uidMappings, gidMappings } = spec.linux;
      if (Deno.uid() !== 0 || !uidMappings?.length) continue;
      Deno.chownSync(
        path,
        hostIdOf(0, uidMappings),
        hostIdOf(0, gidMappings ?? []),
      );
    }
  } catch (error) {
    const reason = error instanceof Deno.errors.PermissionDenied
      ? "permission denied (EACCES)"
      : systemReason(error);
    throw new ContainerError(
      `Cannot create the overlay directories in ${
        upper.replace(/.upper$/, "")
      }: ${reason}`,
      { hint: "Name a directory that you can write to.", cause: error },
    );
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
