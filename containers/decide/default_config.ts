/**
 * The default container as a config.json, as `container spec` writes it. Only
 * decides: pure, without any I/O.
 */

import {
  capabilitySets,
  DEFAULT_CAPABILITIES,
} from "../../plan/process/capabilities.ts";
import { defaultSeccomp } from "../../seccomp/default_profile.ts";
import { DEFAULT_PATH, defaultSpec } from "../../spec/defaults.ts";
import type { SeccompHost } from "../../spec/seccomp.ts";
import type { Spec } from "../../spec/types.ts";

/** The machine and the user that the configuration is for. */
export interface DefaultConfigOptions {
  kernel: SeccompHost["kernel"];
  arch: SeccompHost["arch"];
  /**
   * Make a configuration for the user with these ids, who becomes root in a
   * user namespace.
   */
  rootless?: { uid: number; gid: number };
}

/** A shell in the bundle's `rootfs`, with the defaults of `run`. */
export function defaultConfig(
  { kernel, arch, rootless }: DefaultConfigOptions,
): Spec {
  const spec = defaultSpec({
    rootfs: "rootfs",
    args: ["sh"],
    env: [`PATH=${DEFAULT_PATH}`, "TERM=xterm"],
  });
  const { linux, process } = spec;
  process.terminal = true;
  process.noNewPrivileges = true;
  process.capabilities = capabilitySets(DEFAULT_CAPABILITIES, 0);
  linux.seccomp = defaultSeccomp({
    capabilities: DEFAULT_CAPABILITIES,
    kernel,
    arch,
  });
  if (!rootless) {
    linux.resources = { devices: [{ allow: false, access: "rwm" }] };
    return spec;
  }
  linux.namespaces.push({ type: "user" });
  linux.uidMappings = [{ containerID: 0, hostID: rootless.uid, size: 1 }];
  linux.gidMappings = [{ containerID: 0, hostID: rootless.gid, size: 1 }];
  // Group 5 (tty) is not mapped.
  for (const mount of spec.mounts ?? []) {
    mount.options = mount.options?.filter((option) => option !== "gid=5");
  }
  return spec;
}
