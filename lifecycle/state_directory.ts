/** Where what runs is recorded. */

import { inInitialUserNamespace } from "./caller.ts";

/** /run/container, or the user's own runtime directory. */
export function stateDirectory(): string {
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  if (Deno.uid() === 0 && !isUserAsRoot(runtime)) return "/run/container";
  return runtime?.startsWith("/")
    ? `${runtime}/container`
    : `/tmp/container-${Deno.uid()}`;
}

/**
 * podman of a user calls a runtime as root of a user namespace: the directory
 * is the user's all the same. By runc's rule, who is root there by name is not
 * meant.
 */
function isUserAsRoot(runtime: string | undefined): boolean {
  return Boolean(runtime) && Deno.env.get("USER") !== "root" &&
    !inInitialUserNamespace();
}
