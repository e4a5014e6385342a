/** Where what runs is recorded: /run/container, or the user's own runtime directory. */
export function stateDirectory(): string {
  if (Deno.uid() === 0) return "/run/container";
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  return runtime?.startsWith("/")
    ? `${runtime}/container`
    : `/tmp/container-${Deno.uid()}`;
}
