/**
 * `--security-opt` of docker and podman, in the words of this program's own
 * flags. Loaded only if it is given. Pure.
 */

import { UsageError } from "../spec/errors.ts";

const KNOWN =
  "The options are no-new-privileges[=false], seccomp=PROFILE, apparmor=PROFILE and label=disable.";

/**
 * The flag and the value that mean the same; null for an option that is the
 * default.
 *
 * @param text `no-new-privileges`, `seccomp=unconfined`, `label=disable`; older
 * docker writes a colon instead of the equals sign
 * @throws {UsageError} for an unknown option
 */
export function securityOption(
  text: string,
): [name: string, value: string] | null {
  const [, name = "", value] = /^([^=:]*)(?:[=:]([\s\S]*))?$/.exec(text)!;
  switch (name) {
    case "no-new-privileges":
      if (value === undefined || value === "true" || value === "false") {
        return ["no-new-privs", value ?? "true"];
      }
      break;
    case "seccomp":
      // docker's word for its own default profile.
      if (value) return ["seccomp", value === "builtin" ? "default" : value];
      break;
    case "apparmor":
      if (value) return ["apparmor", value];
      break;
    case "label":
      // Without --selinux a container has no label of its own.
      if (value === "disable") return null;
      throw new UsageError(
        `--security-opt ${text}: parts of a label cannot be set`,
        "Use --selinux with the whole label: USER:ROLE:TYPE:LEVEL.",
      );
    case "systempaths":
    case "mask":
    case "unmask":
      throw new UsageError(
        `--security-opt ${text}: masked paths cannot be chosen`,
        "--privileged shows all of them.",
      );
  }
  throw new UsageError(`--security-opt ${text}: unknown option`, KNOWN);
}
