/**
 * Images that are made for another machine: they run if the kernel hands their
 * programs to an emulator, binfmt_misc. Only reads. Runs on the host.
 */

import {
  fitOf,
  hostPlatform,
  platformText,
} from "../../../images/spec/platform.ts";
import type { Platform } from "../../../images/spec/types.ts";
import { ContainerError } from "../../../spec/errors.ts";
import type { World } from "../../world/world.ts";
import { orNull } from "../requester.ts";

const HANDLERS = "/proc/sys/fs/binfmt_misc";

const CLASS_32 = 1;
const CLASS_64 = 2;
const LITTLE = 1;
const BIG = 2;

/** Class, byte order and machine of an ELF file for each architecture, elf(5). */
const ELF: Readonly<Record<string, readonly [number, number, number]>> = {
  "386": [CLASS_32, LITTLE, 3],
  amd64: [CLASS_64, LITTLE, 62],
  arm: [CLASS_32, LITTLE, 40],
  arm64: [CLASS_64, LITTLE, 183],
  loong64: [CLASS_64, LITTLE, 258],
  mips: [CLASS_32, BIG, 8],
  mipsle: [CLASS_32, LITTLE, 8],
  mips64: [CLASS_64, BIG, 8],
  mips64le: [CLASS_64, LITTLE, 8],
  ppc64: [CLASS_64, BIG, 21],
  ppc64le: [CLASS_64, LITTLE, 21],
  riscv64: [CLASS_64, LITTLE, 243],
  s390x: [CLASS_64, BIG, 22],
};

/** Architectures that a processor runs as well as its own. */
const ALSO: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };

/** The first bytes of a program for an architecture. */
function headerOf(architecture: string): number[] | null {
  const known = ELF[architecture];
  if (!known) return null;
  const [wordSize, order, machine] = known;
  const number = (value: number) => {
    const bytes = [value & 0xff, value >> 8];
    return order === LITTLE ? bytes : bytes.reverse();
  };
  const ET_EXEC = 2;
  return [
    ...[0x7f, 0x45, 0x4c, 0x46, wordSize, order, 1],
    ...new Array<number>(9).fill(0),
    ...number(ET_EXEC),
    ...number(machine),
  ];
}

/** A handler of binfmt_misc. */
interface Handler {
  name: string;
  /** Its program is open: a container needs no copy of it. */
  isFixed: boolean;
}

/** The handler for programs that begin with these bytes. */
function handlerFor(header: readonly number[], world: World): Handler | null {
  const names = orNull(() => world.readDirectory(HANDLERS)) ?? [];
  const handlers = names.flatMap(({ name }): Handler[] => {
    const text = orNull(() => world.readText(`${HANDLERS}/${name}`)) ?? "";
    const field = (key: string) =>
      new RegExp(`^${key} ?(.*)$`, "m").exec(text)?.[1];
    const magic = field("magic");
    if (!/^enabled$/m.test(text) || magic === undefined) return [];
    const mask = field("mask") ?? "f".repeat(magic.length);
    const offset = Number(field("offset") ?? 0);
    const matches = bytesOf(magic).every((byte, index) => {
      const bits = bytesOf(mask)[index] ?? 0xff;
      return (byte & bits) === ((header[offset + index] ?? -1) & bits);
    });
    const isFixed = field("flags:")?.includes("F") ?? false;
    return matches ? [{ name, isFixed }] : [];
  });
  return handlers.find(({ isFixed }) => isFixed) ?? handlers[0] ?? null;
}

const bytesOf = (hex: string) =>
  Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));

/**
 * Refuses an image of another platform that nothing here can run.
 *
 * @throws {ContainerError}
 */
export function refuseForeign(
  name: string,
  platform: Platform,
  world: World,
): void {
  const here = hostPlatform(world.architecture());
  const { os, architecture } = platform;
  const plain = { os, architecture };
  if (fitOf(plain, here) !== null) return;
  const isAlso = os === here.os && ALSO[here.architecture] === architecture;
  if (isAlso) return;
  const header = os === here.os ? headerOf(architecture) : null;
  const handler = header && handlerFor(header, world);
  if (handler?.isFixed) return;
  const own = platformText(here);
  throw new ContainerError(
    `Cannot run the image ${name}: it is made for ${
      platformText(platform)
    }, and this machine is ${own}`,
    {
      hint: handler
        ? `The handler ${handler.name} of binfmt_misc has no flag F, so its program would have to be in the image: register it again with F.`
        : os === here.os
        ? `Choose ${own} with --platform, or install an emulator that registers itself in binfmt_misc, such as qemu-user-static.`
        : `Choose ${own} with --platform, if the image has it.`,
    },
  );
}
