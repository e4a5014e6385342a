// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { numberOf, type SyscallName } from "../ffi/numbers.ts";
import { openLibseccomp } from "../tests/_libseccomp.ts";
import {
  archOf,
  AUDIT_ARCH,
  type CallArch,
  callName,
  callNumber,
  callsOf,
  isCall,
} from "./syscalls.ts";

const ARCHS: CallArch[] = ["x86_64", "x86", "aarch64", "arm"];

Deno.test("isCall() knows exactly the calls of our architectures", () => {
  for (const name of ["read", "getuid32", "set_tls", "arch_prctl"]) {
    assert(isCall(name), name);
  }
  for (const name of ["raed", "", "SYS_read"]) assert(!isCall(name), name);
});

Deno.test("callsOf() lists every call once, in order", () => {
  for (const arch of ARCHS) {
    const calls = callsOf(arch);
    assertEquals(new Set(calls.map(([name]) => name)).size, calls.length);
    calls.forEach(([, number], index) =>
      assert(index === 0 || number >= calls[index - 1]![1])
    );
  }
});

Deno.test("callNumber() and callName() know the first and last entry of each table", () => {
  const known: [CallArch, string, number][] = [
    ["x86_64", "read", 0],
    ["x86_64", "rseq", 334],
    ["x86_64", "pidfd_send_signal", 424],
    ["x86_64", "open_tree_attr", 467],
    ["aarch64", "io_setup", 0],
    ["aarch64", "kexec_file_load", 294],
    ["aarch64", "mseal", 462],
    ["x86", "restart_syscall", 0],
    ["x86", "sched_rr_get_interval_time64", 423],
    ["arm", "set_tls", 0xf0005],
    ["arm", "removexattrat", 466],
  ];
  for (const [arch, name, number] of known) {
    assertEquals(callNumber(name, arch), number);
    assertEquals(callName(number, arch), name);
  }
  assertEquals(callNumber("open", "aarch64"), undefined);
  assertEquals(callName(400, "x86_64"), undefined);
});

Deno.test("callNumber() agrees with the numbers that the program uses", () => {
  for (const arch of ["x86_64", "aarch64"] as const) {
    for (const [name, number] of callsOf(arch)) {
      let used: number;
      try {
        used = numberOf(name as SyscallName, arch);
      } catch {
        continue; // The program does not make this call.
      }
      assertEquals(used, number, `${name} on ${arch}`);
    }
  }
});

const libseccomp = openLibseccomp();

Deno.test({
  name: "callNumber() agrees with libseccomp",
  // Needs libseccomp2.
  ignore: !libseccomp,
  fn() {
    for (const arch of ARCHS) {
      for (const [name, number] of callsOf(arch)) {
        const theirs = libseccomp!.numberOf(name, arch);
        // A negative number: libseccomp does not know the call, or the
        // architecture lacks it.
        if (theirs >= 0) assertEquals(theirs, number, `${name} on ${arch}`);
      }
    }
  },
});

Deno.test("archOf() is the inverse of AUDIT_ARCH", () => {
  for (const arch of ARCHS) assertEquals(archOf(AUDIT_ARCH[arch]), arch);
  assertEquals(archOf(0xc0000015), undefined);
});
