/**
 * Debian's docker-registry on loopback, for the bench. Runs on the host; it ends
 * with the bench.
 */
// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { Unavailable } from "../candidate.ts";
import { need } from "../peers.ts";
import { kill } from "../process.ts";
import type { Workspace } from "../workspace.ts";

/** The longest time that it may take to start, in milliseconds. */
const PATIENCE = 30_000;

/** Starts a registry; returns its host and port. */
export async function startRegistry(
  { dir, cleanup }: Workspace,
): Promise<string> {
  await need("docker-registry");
  const home = join(dir, "registry");
  await Deno.mkdir(home);
  const port = freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(home, "config.yml");
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      version: "0.1",
      log: { level: "error" },
      storage: { filesystem: { rootdirectory: join(home, "data") } },
      http: { addr: host },
    }),
  );
  const registry = new Deno.Command("docker-registry", {
    args: ["serve", config],
    env: { OTEL_TRACES_EXPORTER: "none" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  cleanup.defer(async () => {
    // Ctrl-C ends it too.
    kill(registry);
    await registry.status;
  });
  for (const start = performance.now(); !await listens(port);) {
    if (performance.now() - start > PATIENCE) {
      throw new Unavailable("docker-registry does not start here");
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return host;
}

/** A port that nothing uses. */
function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

async function listens(port: number): Promise<boolean> {
  try {
    using _ = await Deno.connect({ port, hostname: "127.0.0.1" });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
