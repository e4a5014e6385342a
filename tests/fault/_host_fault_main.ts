/**
 * Carries out a host phase in which a step fails, or this program is killed.
 * Started by tests/fault/host_fault_test.ts.
 *
 *   _host_fault_main.ts FAULT run|network|wayOut|detached|create|madeUp ARGUMENT…
 *
 * FAULT is a HostFault as JSON. With `--print=FILE` instead, writes the steps.
 *
 * @module
 */

import { parseFlags, parseFlagsAndNames } from "../../cli/flags.ts";
import { RUN_FLAGS } from "../../cli/run_flags.ts";
import { optionsFromFlags } from "../../cli/run_options.ts";
import { CREATE_FLAGS, createOptions } from "../../cli/oci/create_flags.ts";
import { recordsIn } from "../../containers/decide/networks/join_networks.ts";
import { findWayOut } from "../../containers/decide/networks/way_out.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import { requesterIn } from "../../containers/decide/requester.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { runDetached } from "../../containers/daily/make.ts";
import { decideDetached } from "../../containers/daily/begin.ts";
import { create, planBundle } from "../../containers/oci/create.ts";
import { recordsDirectory } from "../../containers/run/leftovers.ts";
import { prepare, run } from "../../containers/run/run.ts";
import { Store } from "../../containers/store/store.ts";
import { HostPhase, interruptHostSteps } from "../../launch/host/host_phase.ts";
import { UndoFile } from "../../launch/host/undo_file.ts";
import { parsePublish } from "../../network/ports/port_words.ts";
import { Networks } from "../../network/records/networks.ts";
import { compile } from "../../plan/compile.ts";
import type { HostStep } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import { type HostFault, madeUpSteps, ON_PURPOSE } from "./_host_fault.ts";

// deno-lint-ignore no-console
const say = (line: string) => console.error(line);

/** A host phase, to print or to carry out. */
interface Act {
  steps(): Promise<readonly HostStep[]>;
  carryOut(): Promise<number>;
}

const optionsOf = (argv: readonly string[]): ContainerOptions =>
  optionsFromFlags(
    parseFlags(RUN_FLAGS, argv, "container run"),
    requesterIn(THIS_MACHINE),
  );

/** A run in the foreground. */
function running(options: ContainerOptions): Act {
  const prepared = prepare({ options, rootfs: options.rootfs! });
  return {
    steps: async () => (await prepared).plan.host,
    carryOut: async () =>
      await run(await prepared, { announce: false, debug: false, say }),
  };
}

const ACTS: Record<string, (argv: string[]) => Act> = {
  run: (argv) => running(optionsOf(argv)),
  network([directory, ...argv]) {
    const network = new Networks(recordsIn(directory!)).default([]);
    return running({
      ...optionsOf(argv),
      ports: { published: parsePublish("80"), exposed: [] },
      networks: {
        directory: directory!,
        places: [{ network, named: true, proposed: true, aliases: ["a"] }],
      },
    });
  },
  // Root can start slirp4netns, not pasta; the steps are the same.
  wayOut: ([directory, ...argv]) =>
    running({
      ...optionsOf(argv),
      wayOut: {
        ...findWayOut(THIS_MACHINE, ["slirp4netns"])!,
        directory: directory!,
      },
      ports: { published: parsePublish("80"), exposed: [] },
    }),
  detached([root, ...argv]) {
    const options = optionsOf(argv);
    const rootfs = options.rootfs!;
    const store = new Store(root!);
    const keep = {
      name: "faulty",
      idFile: `${root}/../id`,
      labels: {},
      interactive: false,
      autoRemove: false,
      restart: { name: "no", maximum: 0 },
      stopSignal: 15,
      stopTimeout: 1,
      logMax: 0,
    } as const;
    return {
      async steps() {
        const wanted = {
          ...{ name: "faulty", options, rootfs, interactive: false },
          idFile: keep.idFile,
        };
        const { spec, facts } = await decideDetached(
          store,
          "f".repeat(64),
          wanted,
        );
        return compile(spec, facts).host;
      },
      async carryOut() {
        await runDetached(store, options, rootfs, keep, { say });
        return 0;
      },
    };
  },
  create([root, ...argv]) {
    const flags = parseFlagsAndNames(CREATE_FLAGS, argv, "container create");
    const store = new Store(root!);
    const [id = ""] = flags.rest;
    const options = () => createOptions(flags, id);
    return {
      steps: async () =>
        (await planBundle(options(), store.pathOf(id))).plan.host,
      async carryOut() {
        await create(store, options());
        return 0;
      },
    };
  },
  madeUp([directory]) {
    const steps = madeUpSteps(directory!);
    return {
      steps: () => Promise.resolve(steps),
      async carryOut() {
        using host = new HostPhase(
          steps,
          new UndoFile(recordsDirectory(), "made-up"),
        );
        await host.prepare();
        await host.attach(Deno.pid);
        return 0;
      },
    };
  },
};

const [fault, act, ...argv] = Deno.args;
const acting = ACTS[act!]!(argv);
const [, file] = fault!.match(/^--print=(.*)$/) ?? [];
if (file !== undefined) {
  Deno.writeTextFileSync(file, JSON.stringify(await acting.steps()));
  Deno.exit(0);
}
const { index, moment, action }: HostFault = JSON.parse(fault!);
let seen = 0;
interruptHostSteps((_, now) => {
  if (now === "before") seen++;
  if (seen - 1 !== index || now !== moment) return;
  if (action === "kill") Deno.kill(Deno.pid, "SIGKILL");
  throw new ContainerError(ON_PURPOSE);
});
try {
  Deno.exit(await acting.carryOut());
} catch (error) {
  if (!(error instanceof ContainerError)) throw error;
  say(`container: ${error.message}`);
  Deno.exit(error.status);
}
