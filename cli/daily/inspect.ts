/** `container inspect` and `container rename`. */

import type { ImageRoot } from "../../containers/decide/images/image_root.ts";
import { rename } from "../../containers/daily/rename.ts";
import { isKept, look, type View } from "../../containers/daily/view.ts";
import { recordsIn } from "../../containers/decide/networks/join_networks.ts";
import type { Store } from "../../containers/store/store.ts";
import { UsageError } from "../../spec/errors.ts";
import { memberOf } from "../../network/records/leases.ts";
import type { Command } from "../command.ts";
import { INSPECT_FORMAT, printInspected, requireJson } from "../each_word.ts";
import { parseFlagsAndNames } from "../flags.ts";
import { findContainer } from "../../containers/daily/names.ts";
import { globals } from "../oci/global.ts";
import { containersOf, forEach } from "./each.ts";
import { askedMap, bindingsOf, portMap } from "./port.ts";

/** Everything that is known of a container, in docker's structure. */
function asInspected(store: Store, view: View) {
  const { record, status, end, name, outOfMemory } = view;
  const { daily, spec, cgroup } = record;
  const directory = `${store.root}/${record.id}`;
  const runs = status === "running" || status === "paused";
  return {
    Id: record.id,
    Name: name,
    Created: record.created,
    Path: spec.process.args[0] ?? "",
    Args: spec.process.args.slice(1),
    State: {
      Status: status,
      Running: runs,
      Paused: status === "paused",
      Restarting: status === "restarting",
      OOMKilled: outOfMemory,
      Pid: runs ? record.pid : 0,
      // docker shows 0 for an unknown status, which would be wrong.
      ExitCode: end?.code ?? (runs || status === "created" ? 0 : null),
      Error: daily?.problem ?? "",
      StartedAt: daily?.started ?? null,
      FinishedAt: end?.finished ?? null,
    },
    Image: daily?.image?.blobs[1] ?? "",
    RestartCount: daily?.restarts ?? 0,
    LogPath: daily?.detached ? `${directory}/log` : "",
    KeeperPid: daily?.keeper && isKept(record) ? daily.keeper.pid : 0,
    HostConfig: {
      NetworkMode: networkMode(record),
      PortBindings: askedMap(daily?.options.ports?.published ?? []),
      AutoRemove: daily?.autoRemove ?? false,
      RestartPolicy: {
        Name: daily?.restart.name ?? "no",
        MaximumRetryCount: daily?.restart.maximum ?? 0,
      },
      LogMaxSize: daily?.logMax ?? 0,
      Resources: spec.linux.resources ?? {},
    },
    Config: {
      Hostname: spec.hostname ?? "",
      User: `${spec.process.user.uid}:${spec.process.user.gid}`,
      Tty: spec.process.terminal ?? false,
      OpenStdin: daily?.interactive ?? false,
      Env: spec.process.env,
      Cmd: spec.process.args,
      WorkingDir: spec.process.cwd,
      Image: daily?.image?.name ?? "",
      ...shownOf(daily?.image, daily?.options.ports?.exposed),
      Labels: daily?.labels ?? {},
      StopSignal: daily?.stopSignal ?? null,
      StopTimeout: daily?.stopTimeout ?? null,
    },
    NetworkSettings: {
      Ports: runs
        ? portMap(bindingsOf(view), daily?.options.ports?.exposed)
        : {},
      Networks: networksOf(view, runs),
    },
    RootFilesystem: spec.root,
    Bundle: record.bundle,
    Cgroups: cgroup?.groups.map(({ path }) => path) ?? [],
    Mounts: spec.mounts ?? [],
  };
}

/** What the image says that nobody carries out here, as docker shows it. */
const shownOf = (image?: ImageRoot, exposed?: readonly string[]) => {
  const { ExposedPorts, Healthcheck } = image?.shown ?? {};
  const ports = exposed ?? ExposedPorts;
  return {
    ...ports
      ? { ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])) }
      : {},
    ...Healthcheck ? { Healthcheck } : {},
  };
};

/** The word of `--network`, as docker shows it. */
function networkMode({ spec, daily }: View["record"]): string {
  const { networks, wayOut, sharedNetwork } = daily?.options ?? {};
  if (wayOut) return wayOut.program;
  if (networks) return networks.places[0]?.network.name ?? "none";
  if (sharedNetwork) return `container:${sharedNetwork.container}`;
  const namespace = spec.linux.namespaces.find(({ type }) =>
    type === "network"
  );
  if (!namespace) return "host";
  return namespace.path === undefined ? "none" : `ns:${namespace.path}`;
}

/**
 * The networks of a container, in docker's structure. One that does not run has
 * no addresses.
 */
function networksOf({ record }: View, runs: boolean) {
  const { networks } = record.daily?.options ?? {};
  if (!networks) return {};
  return Object.fromEntries(networks.places.map(({ network, aliases }) => {
    const directory = `${recordsIn(networks.directory)}/${network.id}`;
    const member = runs ? memberOf(directory, record.id) : null;
    return [network.name, {
      NetworkID: network.id,
      IPAddress: member?.address ?? "",
      IPPrefixLen: member ? network.subnet.bits : 0,
      Gateway: member && !network.internal ? network.gateway : "",
      GlobalIPv6Address: member?.address6 ?? "",
      GlobalIPv6PrefixLen: member?.address6
        ? network.ipv6?.subnet.bits ?? 0
        : 0,
      IPv6Gateway: member && !network.internal
        ? network.ipv6?.gateway ?? ""
        : "",
      MacAddress: member?.mac ?? "",
      Aliases: aliases,
    }];
  }));
}

/** Prints everything that is known of containers. */
export const inspectCommand: Command = {
  name: "inspect",
  summary: "Print details of containers, as JSON",
  usage: "CONTAINER…",
  flags: [INSPECT_FORMAT],
  examples: [["sudo container inspect web", "an array, in docker's format"]],
  execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container inspect");
    requireJson(flags);
    const { store } = globals();
    return printInspected(containersOf(flags, "inspect"), (word) => {
      const view = look(store, findContainer(store, word));
      return view && asInspected(store, view);
    });
  },
};

/** Gives a container another name. */
export const renameCommand: Command = {
  name: "rename",
  summary: "Rename a container",
  usage: "CONTAINER NAME",
  flags: [],
  examples: [["sudo container rename web web-old", "also while it is running"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container rename");
    const [word, name, ...more] = flags.rest;
    if (word === undefined || name === undefined || more.length) {
      throw new UsageError(
        "container rename takes a container and a name",
        "See container rename --help.",
      );
    }
    return await forEach(
      [word],
      (store, id) => rename(store, id, name),
      { quiet: true },
    );
  },
};
