// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ContainerError } from "../../../spec/errors.ts";
import { type MadeUpMachine, madeUpWorld } from "../../world/made_up.ts";
import { refuseForeign } from "./foreign.ts";

const DIRECTORY = "/proc/sys/fs/binfmt_misc";

/** A handler as the package qemu-user-static registers it. */
const handler = (flags: string, state = "enabled") =>
  `${state}
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: ${flags}
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`;

const arm64 = { os: "linux", architecture: "arm64" };

const machine = (text?: string): MadeUpMachine => ({
  files: {
    [DIRECTORY]: { type: "directory" },
    [`${DIRECTORY}/status`]: "enabled\n",
    ...text === undefined ? {} : { [`${DIRECTORY}/qemu-aarch64`]: text },
  },
});

function refusal(platform: typeof arm64, made: MadeUpMachine): string {
  const { message, hint } = assertThrows(
    () => refuseForeign("app:1", platform, madeUpWorld(made)),
    ContainerError,
  );
  return `${message}. ${hint}`;
}

Deno.test("refuseForeign() lets images of this machine pass", () => {
  for (const architecture of ["amd64", "x86_64", "386"]) {
    refuseForeign("app:1", { os: "linux", architecture }, madeUpWorld({}));
  }
});

Deno.test("refuseForeign() names the platforms if nothing runs the image", () => {
  for (const made of [{}, machine(), machine(handler("OCF", "disabled"))]) {
    assertMatch(
      refusal(arm64, made),
      /made for linux\/arm64, and this machine is linux\/amd64\. .*qemu-user/,
    );
  }
  assertMatch(
    refusal({ os: "windows", architecture: "amd64" }, machine(handler("F"))),
    /made for windows\/amd64, .* if the image has it/,
  );
  assertMatch(
    refusal({ os: "linux", architecture: "riscv64" }, machine(handler("F"))),
    /made for linux\/riscv64/,
  );
});

Deno.test("refuseForeign() needs a handler whose program is open", () => {
  assertEquals(
    refuseForeign("app:1", arm64, madeUpWorld(machine(handler("POCF")))),
    undefined,
  );
  assertMatch(
    refusal(arm64, machine(handler("OC"))),
    /qemu-aarch64 of binfmt_misc has no flag F/,
  );
});
