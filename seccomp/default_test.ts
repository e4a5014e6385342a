// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { errnoName } from "../ffi/errno.ts";
import { defaultSeccomp } from "./default_profile.ts";
import { parseSeccomp } from "../spec/seccomp.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";
import { compileSeccomp } from "./compile.ts";
import { defaultFilter, PRECOMPILED } from "./default.ts";
import { simulate } from "./simulate.ts";
import { type CallArch, callNumber, callsOf } from "./syscalls.ts";

const KERNEL = [6, 1] as const;
const ARCHS = ["x86_64", "aarch64"] as const;

/** The default profile's result for a call: "ALLOW", "EPERM" or "ENOSYS". */
function answer(
  call: string | number,
  args: (number | bigint)[] = [],
  { capabilities = [], kernel = KERNEL, arch = "x86_64", is32Bit }: {
    capabilities?: string[];
    kernel?: readonly [number, number];
    arch?: CallArch;
    is32Bit?: boolean;
  } = {},
): string {
  const native = arch === "arm" ? "aarch64" : arch === "x86" ? "x86_64" : arch;
  const filter = compileSeccomp(
    defaultSeccomp({ capabilities, kernel, arch: native, is32Bit }),
    native,
  );
  const nr = typeof call === "number" ? call : callNumber(call, arch)!;
  const { action, data } = simulate(filter, { nr, arch, args });
  if (action === "ALLOW") return action;
  assertEquals(action, "ERRNO");
  return errnoName(data);
}

Deno.test("DEFAULT_FILTER is the compiled default profile", () => {
  const { capabilities, kernel } = PRECOMPILED;
  for (const arch of ARCHS) {
    assertEquals(
      defaultFilter({ capabilities, kernel, arch }),
      compileSeccomp(defaultSeccomp({ capabilities, kernel, arch }), arch),
      "Run scripts/seccomp_default.ts",
    );
  }
});

Deno.test("defaultFilter() compiles for other capabilities and kernels", () => {
  const arch = "x86_64";
  const usual = defaultFilter({
    capabilities: ["CAP_CHOWN", "CAP_SYS_CHROOT"],
    kernel: KERNEL,
    arch,
  });
  const others = [
    { capabilities: [], kernel: KERNEL },
    { capabilities: ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"], kernel: KERNEL },
    { capabilities: ["CAP_SYS_CHROOT"], kernel: [4, 4] as const },
  ];
  for (const other of others) {
    const filter = defaultFilter({ ...other, arch });
    assertEquals(
      filter,
      compileSeccomp(defaultSeccomp({ ...other, arch }), arch),
    );
    assert(String(filter) !== String(usual));
  }
});

Deno.test("defaultSeccomp() compiles to a small filter", () => {
  for (const arch of ARCHS) {
    const filter = compileSeccomp(
      defaultSeccomp({ capabilities: [], kernel: KERNEL, arch }),
      arch,
    );
    assert(filter.length / INSTRUCTION_SIZE < 400);
  }
});

Deno.test("defaultSeccomp() names only calls that exist", () => {
  const known = new Set(
    (["x86_64", "x86", "aarch64", "arm"] as const).flatMap((arch) =>
      callsOf(arch).map(([name]) => name)
    ),
  );
  const { syscalls } = defaultSeccomp({
    capabilities: ["CAP_SYS_ADMIN"],
    kernel: KERNEL,
  });
  for (const { names } of syscalls) {
    assertEquals(new Set(names).size, names.length);
    for (const name of names) assert(known.has(name), name);
  }
});

Deno.test("defaultSeccomp() returns a profile that every runtime reads", () => {
  for (const arch of ARCHS) {
    const profile = defaultSeccomp({
      capabilities: [],
      kernel: KERNEL,
      arch,
    });
    assertEquals(
      parseSeccomp(JSON.parse(JSON.stringify(profile)), {
        caps: [],
        arch,
        kernel: KERNEL,
      }),
      profile,
    );
  }
});

Deno.test("defaultSeccomp() refuses calls that reach beyond a container", () => {
  const refused = [
    "mount umount2 unshare setns open_tree open_tree_attr fsopen pivot_root",
    "keyctl add_key request_key bpf perf_event_open userfaultfd",
    "io_uring_setup io_uring_enter io_uring_register",
    "init_module kexec_load reboot swapon syslog acct chroot quotactl",
    "settimeofday clock_settime open_by_handle_at kcmp pidfd_getfd mbind",
    "lsm_set_self_attr nfsservctl vhangup sethostname",
  ].join(" ").split(" ");
  for (const arch of ARCHS) {
    for (const name of refused) {
      assertEquals(answer(name, [], { arch }), "EPERM", name);
    }
    for (const name of ["openat", "execve", "ptrace", "seccomp", "mseal"]) {
      assertEquals(answer(name, [], { arch }), "ALLOW", name);
    }
    assertEquals(answer("clone3", [], { arch }), "ENOSYS");
    assertEquals(answer("listns", [], { arch }), "EPERM");
    assertEquals(answer(472, [], { arch }), "ENOSYS");
  }
  assertEquals(answer("iopl"), "EPERM");
  assertEquals(answer(0x40000000), "ENOSYS");
});

Deno.test("defaultSeccomp() allows the calls that belong to a capability", () => {
  const brings = {
    CAP_SYS_ADMIN: "mount unshare setns clone3 bpf perf_event_open syslog",
    CAP_SYS_CHROOT: "chroot",
    CAP_SYS_MODULE: "init_module finit_module delete_module",
    CAP_SYS_PTRACE: "pidfd_getfd kcmp process_madvise",
    CAP_BPF: "bpf",
    CAP_PERFMON: "perf_event_open",
    CAP_SYSLOG: "syslog",
    CAP_SYS_TIME: "settimeofday clock_settime",
    CAP_SYS_NICE: "mbind set_mempolicy_home_node",
    CAP_SYS_RAWIO: "iopl ioperm",
    CAP_DAC_READ_SEARCH: "open_by_handle_at",
    CAP_SYS_BOOT: "reboot",
    CAP_SYS_PACCT: "acct",
    CAP_SYS_TTY_CONFIG: "vhangup",
  };
  for (const [capability, names] of Object.entries(brings)) {
    for (const name of names.split(" ")) {
      assert(answer(name) !== "ALLOW", name);
      const capabilities = [capability];
      assertEquals(answer(name, [], { capabilities }), "ALLOW", name);
    }
  }
});

Deno.test("defaultSeccomp() refuses clone with flags for new namespaces", () => {
  const CLONE_VM = 0x100;
  for (const arch of ["x86_64", "x86", "aarch64", "arm"] as const) {
    assertEquals(answer("clone", [CLONE_VM | 17], { arch }), "ALLOW");
    for (
      const flag of [
        0x00020000,
        0x02000000,
        0x04000000,
        0x08000000,
        0x10000000,
        0x20000000,
        0x40000000,
      ]
    ) {
      const args = [flag | 17];
      assertEquals(answer("clone", args, { arch }), "EPERM");
      const capabilities = ["CAP_SYS_ADMIN"];
      assertEquals(answer("clone", args, { arch, capabilities }), "ALLOW");
    }
  }
});

Deno.test("defaultSeccomp() filters socket families, personalities and ioctl requests", () => {
  for (const family of [1, 2, 10, 16, 17, 29, 44]) {
    assertEquals(answer("socket", [family]), "ALLOW");
    assertEquals(answer("socket", [family], { arch: "x86" }), "ALLOW");
  }
  // The kernel uses the lower 32 bits only; the upper ones must not bypass the
  // check.
  for (const family of [12, 38, 40, 46, 0x100000028n, 0x100000026n]) {
    assertEquals(answer("socket", [family]), "EPERM");
  }
  for (const family of [1, 30]) {
    assertEquals(answer("socketpair", [family]), "ALLOW");
  }
  for (const family of [38, 40, 0x100000026n]) {
    assertEquals(answer("socketpair", [family]), "EPERM");
    assertEquals(answer("socketpair", [family], { arch: "x86" }), "EPERM");
  }
  for (const persona of [0, 8, 0x20000, 0x20008, 0xffffffff]) {
    assertEquals(answer("personality", [persona]), "ALLOW");
  }
  const ADDR_NO_RANDOMIZE = 0x0040000;
  assertEquals(answer("personality", [ADDR_NO_RANDOMIZE]), "EPERM");
  const TIOCGWINSZ = 0x5413;
  assertEquals(answer("ioctl", [0, TIOCGWINSZ]), "ALLOW");
  for (const request of [0x5412, 0x541c, 0x100005412n, 0xffffffff00005412n]) {
    assertEquals(answer("ioctl", [0, request]), "EPERM");
  }
});

Deno.test("defaultSeccomp() refuses socketcall, which no filter can inspect, except in a 32-bit container", () => {
  // SYS_SOCKET, SYS_SOCKETPAIR, SYS_CONNECT.
  for (const call of [1, 8, 3]) {
    assertEquals(answer("socketcall", [call], { arch: "x86" }), "ENOSYS");
    const is32Bit = true;
    assertEquals(
      answer("socketcall", [call], { arch: "x86", is32Bit }),
      "ALLOW",
    );
  }
  // The separate calls of Linux 4.3, which musl uses then.
  for (const call of ["connect", "sendmmsg", "accept4", "shutdown"]) {
    assertEquals(answer(call, [], { arch: "x86" }), "ALLOW", call);
  }
});

Deno.test("defaultSeccomp() refuses ptrace before Linux 4.8", () => {
  assertEquals(answer("ptrace", [], { kernel: [4, 7] }), "EPERM");
  assertEquals(answer("ptrace", [], { kernel: [4, 8] }), "ALLOW");
});
