/** The keeper's executable: it is built from its source, and small. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { KEEPER } from "../../launch/native/keeper_code.ts";
import {
  buildProgram,
  COMPILERS,
  compilerVersion,
} from "../../scripts/walker.ts";
import { test } from "../_harness.ts";

const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PF_X = 1;
const PF_W = 2;

for (const arch of Object.keys(COMPILERS) as (keyof typeof COMPILERS)[]) {
  const compiler = await compilerVersion(arch);
  const reason = compiler === null
    ? `${COMPILERS[arch]} is not installed`
    : compiler === KEEPER[arch].compiler
    ? null
    : `another compiler: ${compiler}`;
  test(`keeper.c gives the bytes of keeper_code.ts: ${arch}`, async () => {
    assertEquals(
      await buildProgram("keeper", arch),
      Uint8Array.fromBase64(KEEPER[arch].code),
    );
  }, { skip: reason });

  test(`the keeper is small, static, and never writable and executable: ${arch}`, () => {
    const bytes = Uint8Array.fromBase64(KEEPER[arch].code);
    assert(bytes.length < 9000, `${bytes.length} bytes`);
    const view = new DataView(bytes.buffer);
    const at = Number(view.getBigUint64(32, true));
    for (let i = 0; i < view.getUint16(56, true); i++) {
      const segment = at + i * view.getUint16(54, true);
      const type = view.getUint32(segment, true);
      const flags = view.getUint32(segment + 4, true);
      assert(type !== PT_DYNAMIC && type !== PT_INTERP, "no loader");
      assert((flags & (PF_X | PF_W)) !== (PF_X | PF_W), "writable code");
    }
  });
}
