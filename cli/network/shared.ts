/** `--network container:NAME`: the network of another container. */

import { findContainer } from "../../containers/daily/names.ts";
import { withSharedNetwork } from "../../containers/daily/shared_network.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "../oci/global.ts";

/** Flags for what the other container has, with docker's words for them. */
const CONFLICTS: Readonly<Record<string, string>> = {
  hostname: "hostname",
  domainname: "hostname",
  dns: "dns",
  "dns-search": "dns",
  "dns-option": "dns",
  "add-host": "custom host-to-IP mapping",
  "mac-address": "mac-address",
};

/** Flags for ports. */
const PORTS: Readonly<Record<string, string>> = {
  publish: "port publishing",
  "publish-all": "port publishing",
  expose: "port exposing",
};

/** Flags for networks that this program manages. */
const OF_NETWORKS = ["ip", "ip6", "network-alias"];

/**
 * Adds the network of the container that `container:NAME` names.
 *
 * @throws {UsageError} for flags that contradict it, {ContainerError} if there
 * is no such container or it does not run
 */
export function shareNetwork(
  options: ContainerOptions,
  word: string,
  flags: Flags,
): ContainerOptions {
  const given = (names: readonly string[]) =>
    names.find((name) => flags.last(name) !== undefined);
  const conflict = given(Object.keys(CONFLICTS));
  if (conflict) {
    throw refused(
      word,
      conflict,
      `${CONFLICTS[conflict]} and the network mode`,
    );
  }
  const port = given(Object.keys(PORTS));
  if (port) {
    throw refused(
      word,
      port,
      `${PORTS[port]} and the container type network mode`,
    );
  }
  const other = given(OF_NETWORKS);
  if (other) throw refused(word, other, `${other} and the network mode`);
  const { store } = globals();
  const container = findContainer(store, word.slice("container:".length));
  return withSharedNetwork(store, { ...options, sharedNetwork: { container } });
}

const refused = (word: string, flag: string, what: string) =>
  new UsageError(
    `--network ${word} --${flag}: conflicting options: ${what}`,
    `Remove --${flag}: the container has what the other one has.`,
  );
