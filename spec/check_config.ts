/**
 * Rules between members of config.json: what one member requires of another.
 * The parts with known faults have been removed from the configuration before.
 */

import { overlapping } from "./ids.ts";
import { type Place, repeated, type Sound } from "./reader.ts";
import { holderOfSysctl } from "./sysctls.ts";
import type { Namespace, NamespaceType, Spec } from "./types.ts";

/** Notes a fault for every member that does not fit another. */
export function checkConfig(spec: Sound<Spec>, place: Place): void {
  const { linux } = spec;
  // Without sound namespaces, no rule below can be checked.
  if (!linux?.namespaces) return;
  const inLinux = place.at("linux");
  const { namespaces } = linux;
  const find = (type: NamespaceType) =>
    namespaces.find((entry) => entry?.type === type);

  const types = namespaces.map((entry) => entry?.type);
  for (const index of repeated(types)) {
    inLinux.at("namespaces").at(index).fault(
      `${types[index]} occurs twice: remove one`,
    );
  }
  if (!find("mount")) {
    inLinux.at("namespaces").fault(
      "no mount namespace: the container's mounts would be made on the host",
    );
  }
  for (const name of ["hostname", "domainname"] as const) {
    if (spec[name] !== undefined && !find("uts")) {
      place.at(name).fault(
        "needs a uts namespace in linux.namespaces: otherwise it would change the host's name",
      );
    }
  }
  checkIdMaps(linux, find("user"), inLinux);
  if (hasOffset(linux.timeOffsets)) {
    const time = find("time");
    if (!time || time.path !== undefined) {
      inLinux.at("timeOffsets").fault(
        "needs a new time namespace in linux.namespaces",
      );
    }
  }
  if (Object.keys(linux.netDevices ?? {}).length && !find("network")) {
    inLinux.at("netDevices").fault(
      "needs a network namespace in linux.namespaces",
    );
  }
  for (const name of Object.keys(linux.sysctl ?? {})) {
    const holder = holderOfSysctl(name);
    const problem = holder === null
      ? "belongs to the host, not to a namespace"
      : find(holder)
      ? null
      : `needs a ${holder} namespace in linux.namespaces: otherwise it would change the host's value`;
    if (problem) inLinux.at("sysctl").at(name).fault(problem);
  }
}

function hasOffset(offsets: object | undefined): boolean {
  return Object.values(offsets ?? {}).some((offset) => offset !== undefined);
}

function checkIdMaps(
  linux: Sound<Spec["linux"]>,
  user: Sound<Namespace> | undefined,
  place: Place,
): void {
  for (const name of ["uidMappings", "gidMappings"] as const) {
    const given = linux[name] ?? [];
    if (given.length && !user) {
      place.at(name).fault("needs a user namespace in linux.namespaces");
    }
    const other = name === "uidMappings" ? "gidMappings" : "uidMappings";
    if (user && !given.length && linux[other]?.length) {
      place.at(name).fault(`missing, but ${other} is present`);
    }
    const sides = ["containerID", "hostID"] as const;
    for (const side of sides) {
      const overlap = overlapping(given.map((range) => ({
        first: range?.[side] ?? 0,
        size: range?.size ?? 0,
      })));
      if (overlap === null) continue;
      place.at(name).at(overlap[0]).fault(
        `its ${side} overlaps with another range`,
      );
      break;
    }
  }
}
