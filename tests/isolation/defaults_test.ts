/** A container with no flags: docker's mounts, devices and rights. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MASKED_PATHS, READONLY_PATHS } from "../../spec/defaults.ts";
import { testBoth } from "../_harness.ts";

/** Parses mounts inside: mountpoint, options, type. */
const mountsOf = (mountinfo: string) =>
  mountinfo.trim().split("\n").map((line) => {
    const [fields = "", source = ""] = line.split(" - ");
    const [, , , , point = "", options = ""] = fields.split(" ");
    return {
      point,
      options: options.split(","),
      type: source.split(" ")[0] ?? "",
    };
  });

testBoth(
  "run makes docker's mounts, and shows none of the host's",
  async (mode) => {
    const { stdout } = await mode.run(["cat", "/proc/self/mountinfo"]);
    const mounts = mountsOf(stdout);
    const expected: Record<string, [type: string, options: string[]]> = {
      "/proc": ["proc", ["nosuid", "nodev", "noexec"]],
      "/dev": ["tmpfs", ["nosuid", "noexec"]],
      "/dev/pts": ["devpts", ["nosuid", "noexec"]],
      "/sys": ["sysfs", ["ro", "nosuid", "nodev", "noexec"]],
      "/dev/mqueue": ["mqueue", ["nosuid", "nodev", "noexec"]],
      "/dev/shm": ["tmpfs", ["nosuid", "nodev", "noexec"]],
    };
    for (const [point, [type, options]] of Object.entries(expected)) {
      const found = mounts.filter((mount) => mount.point === point);
      assertEquals(found.map((mount) => mount.type), [type], point);
      for (const option of options) {
        assert(found[0]!.options.includes(option), `${point}: ${option}`);
      }
    }
    assertEquals(mounts.filter(({ point }) => point === "/").length, 1);
    // Other mounts: masks, read-only paths, devices and files of /etc.
    const beside = mounts.filter(({ point }) =>
      point !== "/" && !(point in expected)
    );
    for (const { point, options } of beside) {
      if (/^\/dev\/(null|zero|full|u?random|tty)$/.test(point)) continue;
      if (/^\/etc\/host(s|name)$/.test(point)) {
        for (const option of ["nosuid", "nodev", "noexec"]) {
          assert(options.includes(option), `${point}: ${option}`);
        }
        continue;
      }
      assert(
        point.startsWith("/sys/fs/cgroup") || MASKED_PATHS.includes(point) ||
          READONLY_PATHS.includes(point),
        point,
      );
      assert(options.includes("ro"), `${point} is read-only`);
    }
  },
);

testBoth(
  "run masks paths with empty files, and makes others read-only",
  async (mode) => {
    const { stdout } = await mode.runShell(
      [
        ...MASKED_PATHS.map((path) =>
          `if [ -d ${path} ]; then [ -z "$(ls ${path})" ] || echo open ${path}; elif [ -e ${path} ]; then [ -z "$(head -c 1 ${path})" ] || echo open ${path}; fi`
        ),
        "echo x 2>/dev/null >/proc/sysrq-trigger && echo sysrq",
        "echo 1 2>/dev/null >/proc/sys/vm/drop_caches && echo sysctl",
        "echo x 2>/dev/null >/proc/sys/kernel/core_pattern && echo core",
        "mkdir /sys/fs/x 2>/dev/null && echo sysfs",
        "echo end",
      ].join("\n"),
    );
    assertEquals(stdout, "end\n");
  },
);

testBoth(
  "run makes a /dev with the devices that every program expects",
  async (mode) => {
    const { stdout, stderr } = await mode.runShell(
      `ls /dev | sort | tr '\n' ' '; echo
     echo x >/dev/null && head -c 4 /dev/zero | wc -c
     head -c 4 /dev/urandom | wc -c; head -c 4 /dev/random | wc -c
     echo x 2>/dev/null >/dev/full || echo full
     echo piped | cat /dev/stdin; echo out >/dev/stdout; readlink /dev/fd; readlink /dev/ptmx
     stat -c %a /dev/shm /dev/null`,
    );
    assertEquals(stderr, "");
    assertEquals(stdout.split("\n"), [
      "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ",
      "4",
      "4",
      "4",
      "full",
      "piped",
      "out",
      "/proc/self/fd",
      "pts/ptmx",
      "1777",
      "666",
      "",
    ]);
  },
);

testBoth("run has only a loopback interface, which is up", async (mode) => {
  const { stdout } = await mode.runShell(
    "ls /sys/class/net; cat /sys/class/net/lo/flags; ping -c 1 -W 2 127.0.0.1 >/dev/null && echo answers",
  );
  assertEquals(stdout, "lo\n0x9\nanswers\n");
});

testBoth(
  "run has docker's capabilities, no_new_privs and a seccomp filter",
  async (mode) => {
    const { stdout } = await mode.runShell(
      "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
    );
    assertEquals(
      stdout.trim().split("\n").map((line) => line.split(":\t")),
      [
        ["CapInh", "0000000000000000"],
        ["CapPrm", "00000000a80425fb"],
        ["CapEff", "00000000a80425fb"],
        ["CapBnd", "00000000a80425fb"],
        ["CapAmb", "0000000000000000"],
        ["NoNewPrivs", "1"],
        ["Seccomp", "2"],
      ],
    );
  },
);

testBoth("run shows its cgroup as the root of the tree", async (mode) => {
  const { stdout } = await mode.run(["cat", "/proc/self/cgroup"]);
  for (const line of stdout.trim().split("\n")) assertMatch(line, /:\/$/);
});
