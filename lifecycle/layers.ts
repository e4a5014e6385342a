/**
 * `--overlay DIR`: where the changes to a root filesystem are kept. Runs on the
 * host, in the parent, before anything else of the container exists.
 */

import type { Facts } from "../plan/facts.ts";
import { ContainerError, systemReason } from "../spec/errors.ts";
import type { IdMapping, Spec } from "../spec/types.ts";

/** The layers in a directory, by absolute paths: the walker may be elsewhere. */
export function layersIn(directory: string): { upper: string; work: string } {
  const base = directory.startsWith("/")
    ? directory
    : `${Deno.cwd()}/${directory}`;
  return { upper: `${base}/upper`, work: `${base}/work` };
}

/**
 * Makes the directories of the layers where they are not there. The upper one
 * is what `/` looks like inside, so it belongs to the container's root.
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
      Deno.chownSync(path, rootOf(uidMappings), rootOf(gidMappings ?? []));
    }
  } catch (error) {
    const reason = error instanceof Deno.errors.PermissionDenied
      ? "permission denied (EACCES)"
      : systemReason(error);
    throw new ContainerError(
      `Cannot make the layers of the overlay in ${
        upper.replace(/.upper$/, "")
      }: ${reason}`,
      { hint: "Name a directory that you may write to.", cause: error },
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

/** Who on the host is the container's root. */
function rootOf(maps: readonly IdMapping[]): number | null {
  const map = maps.find(({ containerID, size }) => containerID === 0 && size);
  return map ? map.hostID : null;
}
