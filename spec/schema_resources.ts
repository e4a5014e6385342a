/** The schema of `linux.resources`. */

import { SpecError } from "./errors.ts";
import {
  boolean,
  checked,
  FAULTY,
  list,
  object,
  oneOf,
  type Place,
  type Reader,
  record,
  required,
  shown,
  string,
  unlessEmpty,
  word,
} from "./reader.ts";
import { int64, integer, uint16, uint32, uint64 } from "./reader_numbers.ts";
import {
  type BlockIOResources,
  checkResources,
  type CpuResources,
  type DeviceRule,
  expandList,
  type HugepageLimit,
  type MemoryResources,
  type NetworkResources,
  type RdmaLimit,
  type Resources,
  type ThrottleDevice,
  type WeightDevice,
} from "./resources.ts";

/** Reads a list of CPUs or memory nodes in the kernel's form: `0-3,7`. */
export const numberList: Reader<string> = (value, place) => {
  const text = string(value, place);
  return typeof text === "string" &&
      expandList(text.replace(/\s/g, "")) === null
    ? place.expected("a list of numbers such as 0-3,7", value)
    : text;
};

const memory = object<MemoryResources>({
  limit: int64,
  reservation: int64,
  swap: int64,
  kernel: int64,
  kernelTCP: int64,
  swappiness: uint64,
  disableOOMKiller: boolean,
  checkBeforeUpdate: boolean,
});

const cpu = object<CpuResources>({
  shares: uint64,
  quota: int64,
  period: uint64,
  burst: uint64,
  realtimeRuntime: int64,
  realtimePeriod: uint64,
  cpus: unlessEmpty(numberList),
  mems: unlessEmpty(numberList),
  idle: int64,
});

const throttle = list(object<ThrottleDevice>({
  major: required(uint32),
  minor: required(uint32),
  rate: required(uint64),
}));

const blockIO = object<BlockIOResources>({
  weight: uint16,
  leafWeight: uint16,
  weightDevice: list(checked(
    object<WeightDevice>({
      major: required(uint32),
      minor: required(uint32),
      weight: uint16,
      leafWeight: uint16,
    }),
    ({ weight, leafWeight }, place) => {
      if (weight !== undefined || leafWeight !== undefined) return;
      place.fault("needs weight or leafWeight");
    },
  )),
  throttleReadBpsDevice: throttle,
  throttleWriteBpsDevice: throttle,
  throttleReadIOPSDevice: throttle,
  throttleWriteIOPSDevice: throttle,
});

/** Reads a device's number, or -1 for any. */
const anyNumber = integer(-1, 0xffffffff);

/** Reads access letters. Unknown ones have no effect, as with runc; one must be known. */
const deviceAccess: Reader<string> = (value, place) => {
  const text = string(value, place);
  if (text === FAULTY) return text;
  const known = [...text].filter((letter) => "rwm".includes(letter)).join("");
  if (!known) return place.expected("letters from r, w and m", value);
  if (known !== text) {
    place.warn(
      `${shown(text)} is read as ${known}: only r, w and m are allowed`,
    );
  }
  return known;
};

const deviceRule = object<DeviceRule>({
  allow: required(boolean),
  type: unlessEmpty(oneOf(["a", "b", "c", "p", "u"])),
  major: anyNumber,
  minor: anyNumber,
  access: unlessEmpty(deviceAccess),
});

const network = object<NetworkResources>({
  classID: uint32,
  priorities: list(object<{ name: string; priority: number }>({
    name: required(word),
    priority: required(uint32),
  })),
});

/** Reads `pids`, which has no effect without a limit. */
const pids: Reader<{ limit: number } | undefined> = (value, place) => {
  const read = object<{ limit?: number }>({ limit: int64 })(value, place);
  if (read === FAULTY) return read;
  return read.limit === undefined ? undefined : { limit: read.limit };
};

/** `linux.resources`. */
export const resources: Reader<Resources> = checked(
  object<Resources>({
    memory,
    cpu,
    pids,
    blockIO,
    hugepageLimits: list(object<HugepageLimit>({
      pageSize: required(word),
      limit: required(uint64),
    })),
    devices: list(deviceRule),
    network,
    rdma: record(object<RdmaLimit>({ hcaHandles: uint32, hcaObjects: uint32 })),
    unified: record(string),
  }),
  agreement,
);

/** Applies the rules between members, which flags share. */
function agreement(value: Resources, place: Place): void {
  try {
    checkResources(value);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    place.fault(error.message.replace(/^linux\.resources[.:]?\s*/, ""));
  }
}
