/**
 * Hooks of runtime-spec that run in the runtime's own namespaces: programs of
 * the bundle's author, told of the container on standard input. Runs on the
 * host.
 */

import { ContainerError } from "../../spec/errors.ts";
import type { Hooks, Spec } from "../../spec/types.ts";
import type { State } from "./status.ts";

/** Runs them in their order; the first that fails is an error. */
export async function runHooks(
  name: keyof Hooks,
  { hooks }: Spec,
  state: State,
): Promise<void> {
  for (const [index, hook] of (hooks?.[name] ?? []).entries()) {
    const which = `hook #${index} of ${name} (${hook.path})`;
    const child = new Deno.Command(hook.path, {
      args: hook.args?.slice(1),
      env: Object.fromEntries(
        (hook.env ?? []).map((entry) => entry.split(/=(.*)/s).slice(0, 2)),
      ),
      clearEnv: true,
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
      signal: hook.timeout === undefined
        ? undefined
        : AbortSignal.timeout(hook.timeout * 1000),
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(state)))
      .catch(() => {});
    await writer.close().catch(() => {});
    const { success, code, signal, stderr } = await child.output();
    if (success) continue;
    const said = new TextDecoder().decode(stderr).trim();
    throw new ContainerError(
      signal
        ? `${which} was ended by ${signal}${
          hook.timeout === undefined ? "" : ` after ${hook.timeout} s`
        }`
        : `${which} ended with status ${code}${said ? `: ${said}` : ""}`,
    );
  }
}
