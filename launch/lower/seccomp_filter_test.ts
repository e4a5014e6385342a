/** Tests that the kernel accepts filters and enforces them. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { ERRNO, type Errno } from "../../ffi/errno.ts";
import type { SeccompProfile } from "../../spec/seccomp.ts";
import type { Argument, Call, Instruction } from "../bytecode/call.ts";
import { execute, runUnder } from "../../seccomp/_walk_fixture.ts";
import { compileSeccomp } from "../../seccomp/compile.ts";
import { defaultFilter } from "../../seccomp/default.ts";

const usual = () => defaultFilter({ capabilities: [], kernel: [6, 1] });

function find(name: string): string | null {
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    try {
      if (Deno.statSync(`${dir}/${name}`).isFile) return `${dir}/${name}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}

const busybox = find("busybox");

/** A call that must fail with this error; otherwise the walk stops. */
function refused(
  name: Call["name"],
  args: Argument[],
  error: Errno,
  result: string,
): Instruction {
  return { name, args, expect: [error], result };
}

Deno.test("installFilter() refuses calls with the profile's errno", async () => {
  const buffer = new Uint8Array(88);
  const AF_VSOCK = 40;
  const CLONE_NEWUTS = 0x04000000;
  const TIOCSTI = 0x5412;
  const calls: [Call["name"], Argument[], Errno][] = [
    ["mount", ["none", "/none", "tmpfs", 0, null], "EPERM"],
    ["unshare", [CLONE_NEWUTS], "EPERM"],
    ["setns", [-1, 0], "EPERM"],
    ["keyctl", [0, 0], "EPERM"],
    ["bpf", [0, null, 0], "EPERM"],
    ["sethostname", ["x", -1], "EPERM"],
    ["socket", [AF_VSOCK, 1, 0], "EPERM"],
    ["personality", [0x0040000], "EPERM"],
    ["ioctl", [-1, TIOCSTI, "x"], "EPERM"],
    ["ioctl", [-1, 0x100000000n + BigInt(TIOCSTI), "x"], "EPERM"],
    ["clone3", [buffer, 88], "ENOSYS"],
    // These are allowed, and fail in the kernel.
    ["ioctl", [-1, TIOCSTI + 1, buffer], "EBADF"],
    ["close", [-1], "EBADF"],
  ];
  const { outcome } = await runUnder(
    usual(),
    calls.map(([name, args, error], index) =>
      refused(name, args, error, `${index}`)
    ),
  );
  // The program ends without an execve, which counts as a failure.
  assertEquals(outcome.failure?.index, calls.length + 2);
  calls.forEach(([name, , error], index) =>
    assertEquals(outcome.slot(`${index}`), -ERRNO[error], name)
  );
});

Deno.test({
  name: "installFilter() lets ordinary commands work",
  ignore: !busybox, // Needs busybox.
  async fn() {
    const script = [
      "set -e",
      "d=$(mktemp -d); cd $d",
      "echo hello > a; cp a b; mv b c; ln -s a l; mkdir -p x/y; chmod 600 c",
      "cat a c l; ls -laR >/dev/null; stat a >/dev/null; du -s . >/dev/null",
      "tar cf t.tar a x; gzip t.tar; gunzip t.tar.gz; tar tf t.tar >/dev/null",
      "find . -type f | xargs wc -c | sort -n | tail -n 1 >/dev/null",
      "ps >/dev/null; id >/dev/null; date >/dev/null; uname -a >/dev/null",
      "sleep 0.01 & wait; (sleep 5 & kill $!); nice -n 1 true",
      "df / >/dev/null; free >/dev/null; dd if=/dev/zero of=z bs=1k count=4 2>/dev/null",
      "touch -d 2001-01-01 a; sync; timeout 5 true; setsid true",
      "nslookup localhost 127.0.0.1 >/dev/null 2>&1 || true",
      "cd /; rm -r $d; echo done",
    ].join("\n");
    const { code, output } = await runUnder(usual(), [
      execute(busybox!, "sh", "-c", script),
    ]);
    assertEquals(output, "hello\nhello\nhello\ndone\n");
    assertEquals(code, 0);
  },
});

Deno.test({
  name: "installFilter() keeps commands from leaving the container",
  ignore: !busybox, // Needs busybox.
  async fn() {
    const commands = [
      ["unshare", "-m", "true"],
      ["mount", "-t", "tmpfs", "none", "/tmp"],
      ["umount", "/proc"],
      ["hostname", "other"],
      ["chroot", "/", "true"],
    ];
    for (const [applet, ...args] of commands) {
      const { code, output } = await runUnder(usual(), [
        execute(busybox!, applet!, ...args),
      ]);
      assertEquals(code === 0, false, applet);
      assertMatch(output, /not permitted|permission denied/i, applet);
    }
  },
});

const programs: [string, string[]][] = [
  [
    "python3",
    [
      "-c",
      "import threading, subprocess, socket, tempfile, multiprocessing as m\n" +
      "t = threading.Thread(target=lambda: print('thread', flush=True))\n" +
      "t.start(); t.join()\n" +
      "subprocess.run(['echo', 'child'])\n" +
      "a, b = socket.socketpair(); a.send(b'x'); b.recv(1)\n" +
      "socket.socket().close(); tempfile.TemporaryFile().write(b'x')\n" +
      "print('done')",
    ],
  ],
  [
    "node",
    [
      "-e",
      "const { Worker } = require('worker_threads');\n" +
      "const { execFileSync } = require('child_process');\n" +
      "new Worker('console.log(`thread`)', { eval: true }).on('exit', () => {\n" +
      "  process.stdout.write(execFileSync('echo', ['child']));\n" +
      "  require('net').createServer().listen(0, function () {\n" +
      "    this.close(); console.log('done');\n" +
      "  });\n" +
      "});",
    ],
  ],
];

for (const [name, args] of programs) {
  const path = find(name);
  Deno.test({
    name: `installFilter() lets ${name} work`,
    ignore: !path, // Needs the program.
    async fn() {
      const { code, output } = await runUnder(usual(), [
        execute(path!, ...args),
      ]);
      assertEquals(output, "thread\nchild\ndone\n");
      assertEquals(code, 0);
    },
  });
}

Deno.test("installFilter() kills the process if the profile says so", async () => {
  const profile: SeccompProfile = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["getcwd"], action: "SCMP_ACT_KILL_PROCESS" }],
  };
  const SIGSYS = 31;
  const { code } = await runUnder(compileSeccomp(profile), [
    { name: "getcwd", args: [new Uint8Array(64), 64] },
  ]);
  assertEquals(code, 128 + SIGSYS);
});

Deno.test("installFilter() installs a filter near the kernel's size limit", async () => {
  const profile: SeccompProfile = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: Array.from({ length: 450 }, (_, value) => ({
      names: ["getcwd"],
      action: "SCMP_ACT_ERRNO" as const,
      errnoRet: ERRNO.EDQUOT,
      args: [
        { index: value % 2, value, op: "SCMP_CMP_EQ" as const },
        { index: 2 + value % 2, value, op: "SCMP_CMP_NE" as const },
      ],
    })),
  };
  const { outcome } = await runUnder(compileSeccomp(profile), [
    refused("getcwd", [448, 0, 1], "EDQUOT", "hit"),
    refused("getcwd", [0, 1000], "EFAULT", "missed"),
  ]);
  assertEquals(outcome.slot("hit"), -ERRNO.EDQUOT);
  assertEquals(outcome.slot("missed"), -ERRNO.EFAULT);
});
