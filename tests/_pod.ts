/**
 * Bundles that share namespaces, including a user namespace, like the
 * containers of a pod.
 */

import type { Bundle } from "./_bundle.ts";
import type { Config } from "./_config.ts";

const MAPPED = [{ containerID: 0, hostID: 100000, size: 65536 }];
const SHARED = ["user", "network", "ipc", "uts"];

/** Adds the mapping of ids, which engines repeat in each container. */
function map(config: Config): void {
  config.linux.uidMappings = MAPPED;
  config.linux.gidMappings = MAPPED;
}

export function sandbox(config: Config): void {
  map(config);
  (config.linux.namespaces as unknown[]).push({ type: "user" });
}

const FILE: Record<string, string> = { network: "net" };

/** Makes a container join the namespaces of a process. */
export const joining = (pid: number) => (config: Config) => {
  map(config);
  const namespaces = config.linux.namespaces as { type: string }[];
  config.linux.namespaces = [
    ...namespaces.filter(({ type }) => !SHARED.includes(type)),
    ...SHARED.map((type) => ({
      type,
      path: `/proc/${pid}/ns/${FILE[type] ?? type}`,
    })),
  ];
};

/** Runs a bundle, and returns what its command prints. */
export async function runs(bundle: Bundle): Promise<string> {
  const { path } = bundle.dir;
  const { stdout, stderr } = await bundle.call("run", "--bundle", path, "two");
  return stdout + stderr;
}
