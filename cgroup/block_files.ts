/**
 * Disk throughput: the files of v1's blkio and v2's io. Pure.
 *
 * @module
 */

import type { BlockIOResources, ThrottleKind } from "../spec/resources.ts";
import { number, only, type Write } from "./_file_write.ts";

/** Converts a v1 weight (10 to 1000) to a v2 weight (1 to 10000). */
export function blkioToIoWeight(weight: number): number {
  return Math.floor(1 + (weight - 10) * 9999 / 990);
}

const THROTTLES: readonly [ThrottleKind, v1: string, v2: string][] = [
  ["throttleReadBpsDevice", "read_bps_device", "rbps"],
  ["throttleWriteBpsDevice", "write_bps_device", "wbps"],
  ["throttleReadIOPSDevice", "read_iops_device", "riops"],
  ["throttleWriteIOPSDevice", "write_iops_device", "wiops"],
];

const IO_WEIGHT = "its weight relative to others when a disk is busy";
const IO_RATE = "the limit for this disk per second; further requests wait";

/** v1: the blkio controller. */
export function blockV1(block: BlockIOResources): Write[] {
  // The file name depends on the scheduler: kernels with cfq use the other one.
  const weighed = (name: string, value: string): Write => ({
    file: `blkio.bfq.${name}`,
    value,
    why: IO_WEIGHT,
    instead: { file: `blkio.${name}`, value },
  });
  return [
    ...(block.weight ? [weighed("weight", String(block.weight))] : []),
    ...number("blkio.leaf_weight", block.leafWeight || undefined, IO_WEIGHT),
    ...(block.weightDevice ?? []).flatMap((d) => [
      ...(d.weight
        ? [weighed("weight_device", `${d.major}:${d.minor} ${d.weight}`)]
        : []),
      ...(d.leafWeight
        ? [{
          file: "blkio.leaf_weight_device",
          value: `${d.major}:${d.minor} ${d.leafWeight}`,
          why: IO_WEIGHT,
        }]
        : []),
    ]),
    ...THROTTLES.flatMap(([kind, name]) =>
      (block[kind] ?? []).map(({ major, minor, rate }) => ({
        file: `blkio.throttle.${name}`,
        value: `${major}:${minor} ${rate}`,
        why: IO_RATE,
      }))
    ),
  ];
}

/** v2: the io controller. */
export function blockV2(block: BlockIOResources): Write[] {
  only(2, 1, "blockIO.leafWeight", block.leafWeight || undefined);
  const weighed = (device: string, weight: number): Write => ({
    file: "io.bfq.weight",
    value: device + weight,
    why: IO_WEIGHT,
    instead: {
      file: "io.weight",
      value: (device || "default ") + blkioToIoWeight(weight),
    },
  });
  return [
    ...(block.weight ? [weighed("", block.weight)] : []),
    ...(block.weightDevice ?? []).flatMap((d) =>
      d.weight ? [weighed(`${d.major}:${d.minor} `, d.weight)] : []
    ),
    ...THROTTLES.flatMap(([kind, , name]) =>
      (block[kind] ?? []).map(({ major, minor, rate }) => ({
        file: "io.max",
        value: `${major}:${minor} ${name}=${rate || "max"}`,
        why: IO_RATE,
      }))
    ),
  ];
}
