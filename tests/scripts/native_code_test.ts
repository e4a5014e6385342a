/**
 * The bytes of the native programs are built from their sources, and the walker
 * is small, static, and never writable and executable.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { NATIVE_ENTRY } from "../../launch/native/entry_code.ts";
import { KEEPER } from "../../launch/native/keeper_code.ts";
import { PORT_RELAY } from "../../launch/native/port_relay_code.ts";
import { RESOLVER } from "../../network/dns/native/resolver_code.ts";
import { WALKER } from "../../launch/native/walker_code.ts";
import { CONSTANTS, constantsHeader } from "../../scripts/native_constants.ts";
import {
  buildProgram,
  COMPILERS,
  compilerVersion,
} from "../../scripts/walker.ts";
import { test } from "../_harness.ts";

type Arch = keyof typeof COMPILERS;
const ARCHES = ["x86_64", "aarch64"] as const;

const code = (arch: Arch) => Uint8Array.fromBase64(WALKER[arch].code);

test("constants.h has the numbers and names of TypeScript", async () => {
  assertEquals(await Deno.readTextFile(CONSTANTS), constantsHeader());
});

for (const arch of ARCHES) {
  const compiler = await compilerVersion(arch);
  const reason = compiler === null
    ? `${COMPILERS[arch]} is not installed`
    : compiler === WALKER[arch].compiler
    ? null
    : `another compiler: ${compiler}`;
  test(`walker.c gives the bytes of walker_code.ts: ${arch}`, async () => {
    assertEquals(await buildProgram("walker", arch), code(arch));
  }, { skip: reason });

  test(`entry.c gives the bytes of entry_code.ts: ${arch}`, async () => {
    assertEquals(
      await buildProgram("entry", arch),
      Uint8Array.fromBase64(NATIVE_ENTRY[arch].code),
    );
  }, { skip: reason });

  test(`keeper.c gives the bytes of keeper_code.ts: ${arch}`, async () => {
    assertEquals(
      await buildProgram("keeper", arch),
      Uint8Array.fromBase64(KEEPER[arch].code),
    );
  }, { skip: reason });

  test(
    `port_relay.c gives the bytes of port_relay_code.ts: ${arch}`,
    async () => {
      const bytes = Uint8Array.fromBase64(PORT_RELAY[arch].code);
      assertEquals(await buildProgram("port_relay", arch), bytes);
      assert(bytes.length < 12_000, `${bytes.length} bytes`);
    },
    { skip: reason },
  );
  test(`resolver.c gives the bytes of resolver_code.ts: ${arch}`, async () => {
    assertEquals(
      await buildProgram("resolver", arch),
      Uint8Array.fromBase64(RESOLVER[arch].code),
    );
  }, { skip: reason });

  test(`the walker is small, static, and never writable and executable: ${arch}`, () => {
    const bytes = code(arch);
    assert(bytes.length < 2048, `${bytes.length} bytes`);
    const view = new DataView(bytes.buffer);
    const at = Number(view.getBigUint64(32, true));
    for (let i = 0; i < view.getUint16(56, true); i++) {
      const segment = at + i * view.getUint16(54, true);
      const type = view.getUint32(segment, true);
      const flags = view.getUint32(segment + 4, true);
      assert(type !== 3 && type !== 2, "no loader, nothing dynamic");
      assert((flags & 3) !== 3, "no segment is writable and executable");
    }
  });
}
