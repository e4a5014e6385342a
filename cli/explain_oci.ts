/** `container explain` for the commands of an OCI runtime. */

import { type CreateOptions, planBundle } from "../containers/oci/create.ts";
import { prepareExec } from "../containers/oci/exec/exec.ts";
import { containerId } from "../containers/run/run.ts";
import { UsageError } from "../spec/errors.ts";
import { type Asked, EXPLAIN_FLAGS } from "./explain_flags.ts";
import { type Flag, parseFlags, parseFlagsAndNames } from "./flags.ts";
import { CREATE_FLAGS, createOptions } from "./oci/create_flags.ts";
import { EXEC_FLAGS, execOptions } from "./oci/exec.ts";
import { globals } from "./oci/global.ts";
import { knownId } from "./oci/id.ts";
import { RUN_BUNDLE_FLAGS } from "./oci/run_bundle.ts";

/** Explains create. The id may be left out, because it does not matter here. */
export const askedCreate = (
  argv: readonly string[],
  id?: string,
): Promise<Asked> => askedBundle("create", CREATE_FLAGS, argv, id);

/** Explains run --bundle, which is create with an immediate start. */
export const askedRunBundle = (
  argv: readonly string[],
  id?: string,
): Promise<Asked> => askedBundle("run --bundle", RUN_BUNDLE_FLAGS, argv, id);

async function askedBundle(
  command: string,
  own: readonly Flag[],
  argv: readonly string[],
  usual = containerId(),
): Promise<Asked> {
  const flags = parseFlagsAndNames(
    [...own, ...EXPLAIN_FLAGS],
    argv,
    `container explain ${command}`,
  );
  const [id = usual, word] = flags.rest;
  if (word !== undefined) {
    throw new UsageError(
      `container ${command} takes one ID`,
      `See container ${command} --help.`,
    );
  }
  const options: CreateOptions = createOptions(flags, id);
  const { args } = options.spec.process;
  const { plan, leftOut } = await planBundle(
    options,
    globals().store.pathOf(id),
  );
  return { command, plan, args, leftOut, flags };
}

/** Explains exec in an existing container. */
export async function askedExec(argv: readonly string[]): Promise<Asked> {
  const flags = parseFlags(
    [...EXEC_FLAGS, ...EXPLAIN_FLAGS],
    argv,
    "container explain exec",
  );
  const options = await execOptions(flags);
  options.id = await knownId(options.id);
  using prepared = await prepareExec(globals().store, options);
  const { plan, process: { args } } = prepared;
  return { command: "exec", plan, args, leftOut: [], flags };
}
