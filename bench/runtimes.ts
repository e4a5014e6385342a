/**
 * OCI runtimes as an engine calls them: three commands create, start and delete
 * a bundle. Also measures single small commands.
 */
// @ts-types="../types/std_path.d.ts"
import { join } from "@std/path";
import { defaultConfig } from "../containers/decide/default_config.ts";
import { kernelVersion } from "../containers/decide/seccomp.ts";
import { configText } from "../spec/config_text.ts";
import { type Attempt, type Candidate, Unavailable } from "./candidate.ts";
import { copyOfProgram } from "./compiled.ts";
import { bundleConfig, namesIn, need } from "./peers.ts";
import { run } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** A runtime, its bundle and its state directory. */
interface Runtime {
  program: string;
  state: string;
  bundle: string;
}

type FindProgram = (workspace: Workspace) => Promise<string>;

/**
 * A configuration like docker's default: seccomp profile, capabilities, masked
 * paths.
 */
function engineConfig(rootfs: string): Record<string, unknown> {
  const spec = defaultConfig({
    kernel: kernelVersion(Deno.osRelease()),
    arch: Deno.build.arch,
  });
  spec.root.path = rootfs;
  spec.process.terminal = false;
  spec.process.args = ["/bin/true"];
  return JSON.parse(configText(spec));
}

async function runtime(
  name: string,
  find: FindProgram,
  workspace: Workspace,
  config = engineConfig,
): Promise<Runtime> {
  const { dir, rootfs, cleanup } = workspace;
  const program = await find(workspace);
  const bundle = join(dir, `bundle-${name}`);
  const state = join(dir, `state-${name}`);
  await Deno.mkdir(bundle, { recursive: true });
  await Deno.writeTextFile(
    join(bundle, "config.json"),
    JSON.stringify(config(rootfs), null, 2),
  );
  cleanup.defer(async () => {
    for (const left of await namesIn(state)) {
      await run({
        argv: [program, "--root", state, "delete", "--force", left],
      });
    }
  });
  return { program, state, bundle };
}

/** Creates, starts and deletes one bundle. */
function cycle(
  name: string,
  label: string,
  find: FindProgram,
  config?: typeof engineConfig,
): Candidate {
  return {
    name,
    label,
    async prepare(workspace): Promise<Attempt[]> {
      const { program, state, bundle } = await runtime(
        name,
        find,
        workspace,
        config,
      );
      const script = [
        '"$1" --root "$2" create --bundle "$3" "$4"',
        '"$1" --root "$2" start "$4"',
        '"$1" --root "$2" delete --force "$4"',
      ].join(" && ");
      const argv = ["sh", "-c", script, "sh", program, state, bundle];
      return [{
        command: (n) => ({ argv: [...argv, `${workspace.id}-${n}`] }),
      }];
    },
  };
}

/** One command on a container that waits for start. */
function single(
  name: string,
  label: string,
  find: FindProgram,
  words: (id: string) => string[],
  bare?: string,
): Candidate {
  return {
    name,
    label,
    bare,
    async prepare(workspace): Promise<Attempt[]> {
      const { program, state, bundle } = await runtime(name, find, workspace);
      const { signal } = workspace;
      const id = `${workspace.id}-${name}`;
      const created = await run({
        // The container keeps its streams open. They must not be pipes, because
        // run() waits for the end of its pipes.
        argv: [
          ...["sh", "-c", 'exec "$@" >"$0" 2>&1', join(bundle, "said")],
          ...[program, "--root", state, "create", "--bundle", bundle, id],
        ],
      }, { signal });
      if (created.code !== 0) {
        throw new Unavailable(await Deno.readTextFile(join(bundle, "said")));
      }
      const argv = [program, "--root", state, ...words(id)];
      return [{ command: () => ({ argv }) }];
    },
  };
}

const runc: FindProgram = () => need("runc");
const crun: FindProgram = () => need("crun");
const state = (id: string) => ["state", id];
// SIGCONT, by number as engines do. It has no effect on a waiting process.
const kill = (id: string) => ["kill", id, "18"];

/** container and the other runtimes, in the order of the report. */
export const runtimes: readonly Candidate[] = [
  cycle("oci", "create, start, delete: container", copyOfProgram),
  cycle("oci-runc", "create, start, delete: runc", runc),
  cycle("oci-crun", "create, start, delete: crun", crun),
  cycle(
    "oci-small",
    "the same, four namespaces and /proc: container",
    copyOfProgram,
    bundleConfig,
  ),
  cycle(
    "oci-small-runc",
    "the same, four namespaces and /proc: runc",
    runc,
    bundleConfig,
  ),
  single(
    "oci-state",
    "state: container",
    copyOfProgram,
    state,
    "bare-compiled",
  ),
  single("oci-state-runc", "state: runc", runc, state),
  single("oci-kill", "kill: container", copyOfProgram, kill, "bare-compiled"),
  single("oci-kill-runc", "kill: runc", runc, kill),
];
