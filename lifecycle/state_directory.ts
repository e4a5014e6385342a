/** The whole machine's ids, user_namespaces(7): no namespace but the first has them. */
const EVERY_ID = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Where what runs is recorded: /run/container, or the user's own runtime
 * directory. Who is root in a user namespace alone, as under rootless podman,
 * is a user.
 */
export function stateDirectory(): string {
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  const own = runtime?.startsWith("/") ? `${runtime}/container` : undefined;
  if (Deno.uid() !== 0) return own ?? `/tmp/container-${Deno.uid()}`;
  const isUser = own !== undefined &&
    !EVERY_ID.test(Deno.readTextFileSync("/proc/self/uid_map"));
  return isUser ? own : "/run/container";
}
