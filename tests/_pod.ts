/** Bundles that share namespaces, a user namespace among them, as those of a pod do. */

import type { Bundle } from "./_bundle.ts";
import type { Config } from "./_config.ts";

const MAPPED = [{ containerID: 0, hostID: 100000, size: 65536 }];
const SHARED = ["user", "network", "ipc", "uts"];

/** As an engine writes it: the mapping is said for each container. */
function map(config: Config): void {
  config.linux.uidMappings = MAPPED;
  config.linux.gidMappings = MAPPED;
}

export function sandbox(config: Config): void {
  map(config);
  (config.linux.namespaces as unknown[]).push({ type: "user" });
}

const FILE: Record<string, string> = { network: "net" };

/** What joins the namespaces of a process. */
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

/** What its command prints. */
export async function runs(bundle: Bundle): Promise<string> {
  const { path } = bundle.dir;
  const { stdout, stderr } = await bundle.call("run", "--bundle", path, "two");
  return stdout + stderr;
}
