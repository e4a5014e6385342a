// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { Descriptor, moveUp, pipe } from "../../ffi/fcntl.ts";
import { openLibc, rawSyscall, syscall } from "../../ffi/libc.ts";
import { exitCode, wait, WNOHANG } from "../../ffi/wait.ts";
import { parseSeccomp } from "../../spec/seccomp.ts";
import { execute, NO_NEW_PRIVS, runUnder, start } from "./_walk.ts";
import { compileSeccomp } from "./compile.ts";
import {
  carryOn,
  installLearning,
  learnFilter,
  LISTENER_SLOT,
  NOTIFY,
  profileOf,
  readReport,
  reportedName,
} from "./learn.ts";
import { simulate } from "./simulate.ts";
import { AUDIT_ARCH, callNumber } from "./syscalls.ts";

Deno.test("learnFilter() reports every call", () => {
  for (const arch of ["x86_64", "x86", "aarch64", 0] as const) {
    assertEquals(
      simulate(learnFilter(), { nr: 1, arch }).action,
      "USER_NOTIF",
    );
  }
});

Deno.test("readReport() reads struct seccomp_notif", () => {
  const view = new DataView(new ArrayBuffer(NOTIFY.reportSize));
  view.setBigUint64(0, 0xfedcba9876543210n, true);
  view.setUint32(8, 4711, true);
  view.setInt32(16, callNumber("openat", "x86_64")!, true);
  view.setUint32(20, AUDIT_ARCH.x86_64, true);
  view.setBigUint64(32, 1n << 63n, true);
  view.setBigUint64(72, 6n, true);
  const report = readReport(new Uint8Array(view.buffer));
  assertEquals(report, {
    id: 0xfedcba9876543210n,
    tid: 4711,
    nr: 257,
    arch: "x86_64",
    args: [1n << 63n, 0n, 0n, 0n, 0n, 6n],
  });
  assertEquals(reportedName(report), "openat");
  assertEquals(reportedName({ ...report, nr: 400 }), undefined);
  assertEquals(reportedName({ ...report, arch: undefined }), undefined);
});

Deno.test("carryOn() writes struct seccomp_notif_resp", () => {
  const view = new DataView(carryOn(7n).buffer);
  assertEquals(view.byteLength, NOTIFY.answerSize);
  assertEquals(view.getBigUint64(0, true), 7n);
  assertEquals(view.getBigInt64(8, true), 0n);
  assertEquals(view.getInt32(16, true), 0);
  assertEquals(view.getUint32(20, true), 1);
});

Deno.test("profileOf() is the same whatever the order", () => {
  const profile = profileOf(new Set(["write", "execve"]), ["x86_64", "x86"]);
  assertEquals(
    profile,
    profileOf(new Set(["execve", "write"]), ["x86", "x86_64", "x86"]),
  );
  assertEquals(profile.architectures, ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]);
  assertEquals(profile.syscalls[0]?.names, [
    "execve",
    "exit",
    "exit_group",
    "restart_syscall",
    "rt_sigreturn",
    "write",
  ]);
  const host = { caps: [], arch: "x86_64", kernel: [6, 1] } as const;
  assertEquals(
    parseSeccomp(JSON.parse(JSON.stringify(profile)), host),
    profile,
  );
});

const PIDFD_GETFD = 438n;
const POLLIN = 1;

/** What the program's listener will do, for the test: fetch, serve, collect. */
async function learn(argv: [string, ...string[]]): Promise<Set<string>> {
  const { read, write } = pipe();
  using output = moveUp(write);
  const started = start(
    [NO_NEW_PRIVS, installLearning(), execute(...argv)],
    output,
  );
  while (started.at() < 2) await new Promise((done) => setTimeout(done, 1));
  const there = BigInt(started.outcome().slot(LISTENER_SLOT));
  using pidfd = new Descriptor(syscall("pidfd_open", started.pid, 0));
  const here = openLibc().libc.syscall(
    PIDFD_GETFD,
    BigInt(pidfd.fd),
    there,
    0n,
    0n,
    0n,
    0n,
  );
  assert(here >= 0n);
  using listener = new Descriptor(Number(here));
  const names = new Set<string>();
  const poll = new DataView(new ArrayBuffer(8));
  poll.setInt32(0, listener.fd, true);
  poll.setInt16(4, POLLIN, true);
  const patience = new BigInt64Array([0n, 10_000_000n]);
  let status = null;
  while (!(status = wait(started.pid, WNOHANG))) {
    rawSyscall(
      "ppoll",
      new Uint8Array(poll.buffer),
      1,
      new Uint8Array(patience.buffer),
      null,
      0,
    );
    if (!(poll.getInt16(6, true) & POLLIN)) continue;
    const bytes = new Uint8Array(NOTIFY.reportSize);
    const { fd } = listener;
    if (rawSyscall("ioctl", fd, NOTIFY.SECCOMP_IOCTL_NOTIF_RECV, bytes) < 0) {
      continue; // Killed meanwhile.
    }
    const report = readReport(bytes);
    const name = reportedName(report);
    if (name) names.add(name);
    const answer = carryOn(report.id);
    rawSyscall("ioctl", fd, NOTIFY.SECCOMP_IOCTL_NOTIF_SEND, answer);
  }
  assertEquals(exitCode(status), 0);
  read.close();
  started.memory.close();
  return names;
}

Deno.test({
  name: "installLearning() yields a profile under which the command runs again",
  async fn() {
    const argv = ["/bin/sh", "-c", "(echo a; pwd) | cat"] as const;
    const names = await learn([...argv]);
    for (const name of ["execve", "pipe2", "write", "exit_group"]) {
      assert(names.has(name) || names.has(name.replace(/2$/, "")), name);
    }
    assert(!names.has("mount"));
    const filter = compileSeccomp(profileOf(names));
    const { code, output } = await runUnder(filter, [execute(...argv)]);
    assertEquals(output, `a\n${Deno.cwd()}\n`);
    assertEquals(code, 0);
    const without = compileSeccomp(
      profileOf(names.difference(new Set(["execve"]))),
    );
    const refused = await runUnder(without, [execute(...argv)]);
    assertEquals(refused.outcome.failure, { index: 2, errno: 1 });
  },
});
