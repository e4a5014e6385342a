/**
 * What `explain --strace` prints is what strace(1) sees of the real run: every
 * call, in order, by the named process and with the same arguments.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { compareCalls, compareHostChanges } from "../_explained.ts";
import {
  container,
  copyRootfs,
  INIT,
  type Mode,
  NO_INIT,
  Nobody,
  rootfs,
  TempDir,
  test,
  without,
} from "../_harness.ts";
import { makeImage, missing } from "../_image.ts";
import type { TraceOptions } from "../_trace.ts";

const compare = (
  mode: Mode,
  flags: readonly string[],
  options: TraceOptions = {},
  root = rootfs(),
) =>
  compareCalls({
    words: [
      ...["run", ...mode.flags, "--rootfs", root, "-q", ...flags, "true"],
    ],
    init: mode.init,
  }, options);

const SKIP = { skip: without("strace") };

const CASES: readonly (readonly string[])[] = [
  [],
  ["--chroot", "--read-only"],
  ["--hostname", "box", "-w", "/tmp", "--ephemeral", "--tmpfs", "/x"],
  ["--privileged", "--network", "host", "--cap-drop", "CHOWN"],
  [
    "--userns",
    "--uidmap=0:0:65536",
    "--gidmap=0:0:65536",
    "--ulimit",
    "nofile=100:2048",
    "--umask",
    "027",
    "--cpu",
    "0",
    "--sysctl",
    "net.ipv4.ip_forward=1",
  ],
  ["-t"],
  ["--cpuset-cpus", "0", "--pids-limit", "200", "--cpus", "1"],
  ["--network", "path:/proc/self/ns/net", "--ipc", "host"],
  ["--cap-drop", "ALL", "--seccomp", "unconfined", "--preserve-fd", "0"],
  ["-u", "nobody", "--group-add", "5", "-v", "/etc:/mnt:ro", "-m", "64m"],
  ["-m", "64m", "--cpus", "0.5", "--userns"],
  [
    ...["--landlock", "ro=/,rw=/tmp,exec=/bin,connect=80,connect=443"],
    ...["--landlock", "bind=8080"],
  ],
  ["--landlock", "ro=/bin"],
  ["--device", "/dev/full:/dev/brim:r", "--device", "/dev/full"],
  ["--userns", "--device", "/dev/full:/dev/brim"],
  [
    ...["--add-host", "db:10.0.0.1", "--dns", "9.9.9.9", "--hostname", "box"],
    ...["--domainname", "example.org", "--personality", "linux32"],
  ],
  ["--time-offset", "monotonic=100", "--time-offset", "boottime=-0.5"],
  ["--userns", "--time-offset", "boottime=7"],
];

for (const mode of [INIT, NO_INIT]) {
  for (const flags of CASES) {
    test(
      `run ${
        [...mode.flags, ...flags].join(" ")
      } makes the calls that explain --strace prints`,
      () => compare(mode, flags),
      SKIP,
    );
  }

  test(
    `run ${
      mode.flags.join(" ")
    } --rootfs empty makes the calls that explain --strace prints`,
    () =>
      compare(
        mode,
        ["--ro-bind", `${rootfs()}/bin:/bin`, "--dir", "/root"],
        {},
        "empty",
      ),
    SKIP,
  );

  test(
    `run ${
      mode.flags.join(" ")
    } --rootfs / --ephemeral in a user namespace makes the calls that explain --strace prints`,
    () => compare(mode, ["--userns", "--ephemeral"], {}, "/"),
    SKIP,
  );

  test(
    `run ${
      mode.flags.join(" ")
    } without root makes the calls that explain --strace prints`,
    async () => {
      await using nobody = await Nobody.make();
      for (
        const flags of [
          [],
          ["--landlock", "ro=/,rw=/dev,connect=80", "--domainname", "example"],
          ["--time-offset", "boottime=1", "--device", "/dev/full"],
          ["--seccomp", "learn=/dev/null", "-t"],
        ]
      ) {
        await compare(
          mode,
          ["-u", "0", ...flags],
          { env: nobody.env, before: nobody.before, everyCall: true },
          "/",
        );
      }
    },
    { skip: without("strace") ?? without("setpriv") },
  );
}

for (const mode of [INIT, NO_INIT]) {
  test(
    `run ${
      mode.flags.join(" ")
    } --rootfs IMAGE makes the calls that explain --strace prints`,
    async () => {
      await using dir = new TempDir();
      await compare(mode, [], {}, await makeImage("squashfs", dir.path));
    },
    { skip: without("strace") ?? missing("squashfs") },
  );

  test(
    `run ${
      mode.flags.join(" ")
    } -v …:idmap makes the calls that explain --strace prints`,
    async () => {
      await using dir = new TempDir();
      // For the host's user 100000: a root filesystem, and Deno's packages.
      await using nobody = await Nobody.make();
      const { env } = nobody;
      const maps = [
        ...["--uidmap", "0:100000:1000", "--gidmap", "0:200000:1000"],
      ];
      for (const options of ["idmap", "ridmap,slave,ro"]) {
        await compare(
          mode,
          [...maps, "-v", `${dir.path}:/mnt:${options}`],
          { env },
          await copyRootfs(dir.path),
        );
        await Deno.remove(`${dir.path}/rootfs`, { recursive: true });
      }
    },
    SKIP,
  );

  test(
    `run ${
      mode.flags.join(" ")
    } --overlay DIR makes the calls that explain --strace prints`,
    async () => {
      await using dir = new TempDir();
      await compare(mode, ["--overlay", `${dir.path}/a/b`, "-m", "64m"]);
      // Now they exist.
      await compare(mode, ["--overlay", `${dir.path}/a/b`]);
    },
    SKIP,
  );

  test(
    `run ${
      mode.flags.join(" ")
    } on a terminal makes the calls that explain --strace prints`,
    () => compare(mode, [], { terminal: true }),
    { skip: without("strace") ?? without("script") },
  );

  test(
    `run ${
      mode.flags.join(" ")
    } < FILE 2> FILE makes the calls that explain --strace prints`,
    async () => {
      await using dir = new TempDir();
      const script = `exec "$@" < /etc/passwd 2> ${dir.path}/errors`;
      const before = ["sh", "-c", script, "sh"];
      // The plain run, and one with Deno.
      for (const flags of [[], ["-u", "0"]]) {
        await compare(mode, flags, { before });
      }
    },
    SKIP,
  );

  test(
    `run ${
      mode.flags.join(" ")
    } --seccomp learn makes the calls that explain --strace prints`,
    async () => {
      await using dir = new TempDir();
      await compare(mode, ["--seccomp", `learn=${dir.path}/profile`], {
        everyCall: true,
      });
    },
    SKIP,
  );
}

test(
  "run --detach changes on the host what explain --strace prints, and nothing else",
  async () => {
    await using dir = new TempDir();
    await compareHostChanges({
      globals: ["--root", `${dir.path}/state`],
      words: [
        ...["run", "--detach", "--rm", "--name", "traced", "-m", "64m"],
        ...["--overlay", `${dir.path}/layers`, "--rootfs", rootfs(), "true"],
      ],
    });
  },
  SKIP,
);

test(
  "run --name makes the calls that explain --strace prints",
  async () => {
    await using dir = new TempDir();
    await compareCalls({
      globals: ["--root", `${dir.path}/state`],
      words: [
        ...["run", "--name", "traced", "--rm", "--rootfs", rootfs(), "-q"],
        ...["--cidfile", `${dir.path}/id`, "true"],
      ],
      init: true,
    });
  },
  SKIP,
);

test("explain --json --strace prints the calls of each step", async () => {
  const words = ["--rootfs", rootfs(), "true"];
  const { stdout } = await container(
    ["explain", "--json", "--strace", "run", ...words],
  );
  const plan = JSON.parse(stdout);
  const hostname = plan.container.find(({ step }: { step: string }) =>
    step === "setHostname"
  );
  assertEquals(hostname.calls, [{
    process: "child",
    text: 'sethostname("container", 9) = 0',
  }]);
  const without = await container(["explain", "--json", "run", ...words]);
  assertEquals(JSON.parse(without.stdout).container[0].calls, undefined);
});
