// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { moveUp, pipe } from "../ffi/fcntl.ts";
import { receive, socketPair } from "../ffi/socket.ts";
import { exitCode, waitInBackground } from "../ffi/wait.ts";
import { parseSeccomp } from "../spec/seccomp.ts";
import { NEWS } from "../launch/lower/news.ts";
import { lowerLearning } from "../launch/lower/learning.ts";
import {
  carryOn,
  learnFilter,
  NOTIFY,
  profileOf,
  readReport,
  reportedName,
  UNREPORTED,
} from "./learn.ts";
import { execute, NO_NEW_PRIVS, runUnder, start } from "./_walk_fixture.ts";
import { compileSeccomp } from "./compile.ts";
import { installFilter, SECCOMP } from "../launch/lower/seccomp_filter.ts";
import { type Learned, serveReports } from "./serve.ts";
import { type SeccompData, simulate } from "./simulate.ts";
import { AUDIT_ARCH, callNumber } from "./syscalls.ts";

Deno.test("learnFilter() reports every call except exits and our own", () => {
  const filter = learnFilter("x86_64");
  const actionOf = (data: SeccompData) => simulate(filter, data).action;
  for (const arch of ["x86_64", "x86", "aarch64", 0] as const) {
    assertEquals(actionOf({ nr: 1, arch }), "USER_NOTIF");
  }
  const sendmsg = { nr: 46, arch: "x86_64" } as const;
  const with6 = (last: bigint) => ({
    ...sendmsg,
    args: [0n, 0n, 0n, 0n, 0n, last],
  });
  assertEquals(actionOf(with6(UNREPORTED)), "ALLOW");
  for (const near of [0n, UNREPORTED & 0xffffffffn, UNREPORTED ^ 1n]) {
    assertEquals(actionOf(with6(near)), "USER_NOTIF");
  }
  for (const name of ["exit", "exit_group"]) {
    const nr = callNumber(name, "x86_64")!;
    assertEquals(actionOf({ nr, arch: "x86_64" }), "ALLOW");
    assertEquals(actionOf({ nr, arch: "x86" }), "USER_NOTIF");
  }
});

Deno.test("readReport() reads struct seccomp_notif", () => {
  const view = new DataView(new ArrayBuffer(NOTIFY.reportSize));
  view.setBigUint64(0, 0xfedcba9876543210n, true);
  view.setUint32(8, 4711, true);
  view.setInt32(16, callNumber("openat", "x86_64")!, true);
  view.setUint32(20, AUDIT_ARCH.x86_64, true);
  view.setBigUint64(24, 0x401000n, true);
  view.setBigUint64(32, 1n << 63n, true);
  view.setBigUint64(72, 6n, true);
  const report = readReport(new Uint8Array(view.buffer));
  assertEquals(report, {
    id: 0xfedcba9876543210n,
    tid: 4711,
    nr: 257,
    arch: "x86_64",
    from: 0x401000n,
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

Deno.test("profileOf() does not depend on the order of calls", () => {
  const profile = profileOf(new Set(["write", "execve"]), ["x86_64", "x86"]);
  assertEquals(
    profile,
    profileOf(new Set(["execve", "write"]), ["x86", "x86_64", "x86"]),
  );
  assertEquals(profile.architectures, ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]);
  assertEquals(profile.syscalls[0]?.names, [
    "clock_getres",
    "clock_gettime",
    "clock_gettime64",
    "execve",
    "exit",
    "exit_group",
    "futex",
    "futex_time64",
    "getcpu",
    "gettimeofday",
    "restart_syscall",
    "rt_sigreturn",
    "sigreturn",
    "time",
    "write",
  ]);
  assert(
    !profileOf(new Set(["write"])).syscalls[0]?.names.includes("sigreturn"),
  );
  const host = { caps: [], arch: "x86_64", kernel: [6, 1] } as const;
  assertEquals(
    parseSeccomp(JSON.parse(JSON.stringify(profile)), host),
    profile,
  );
});

const SOCKET = 40;

/**
 * Like the program's flags: without WAIT_KILLABLE_RECV (Linux 5.19), SIGCHLD of
 * the shell's first command ends its next fork with EINTR.
 */
const [major = 0, minor = 0] = Deno.osRelease().split(".").map(parseFloat);
const FLAGS = SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER |
  (major > 5 || major === 5 && minor >= 19
    ? SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    : 0);

/** Does the same as the program: installs, sends, serves. */
async function learn(argv: [string, ...string[]]): Promise<Learned> {
  const [ours, theirs] = socketPair();
  using socket = ours;
  using far = moveUp(theirs);
  const { read, write } = pipe();
  using output = moveUp(write);
  const started = start(
    [
      NO_NEW_PRIVS,
      installFilter(learnFilter(), FLAGS),
      ...lowerLearning.sendListener({
        step: "sendListener",
        socket: SOCKET,
        listener: SOCKET + 1,
        why: "",
        man: "",
      }),
      execute(...argv),
    ],
    output,
    { [SOCKET]: far.fd },
  );
  far.close();
  const message = await receive(socket.fd);
  assertEquals(message?.byte, NEWS.listener);
  using listener = message!.descriptor!;
  const serving = serveReports(listener);
  const status = await waitInBackground(started.pid);
  assertEquals(exitCode(status!), 0);
  const learned = await serving;
  read.close();
  started.memory.close();
  return learned;
}

Deno.test({
  name: "serveReports() yields a profile under which the command runs again",
  async fn() {
    const argv = ["/bin/sh", "-c", "(echo a; pwd) | cat"] as const;
    const { names, archs, unnamed } = await learn([...argv]);
    assertEquals([[...archs], [...unnamed]], [[Deno.build.arch], []]);
    for (const name of ["execve", "pipe2", "write"]) {
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
