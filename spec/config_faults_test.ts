// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  asText,
  type Change,
  changed,
  minimal,
  rootlessLike,
  runcLike,
} from "./_config_fixture.ts";
import { ConfigError, parseConfig } from "./config.ts";
import { MAX_CONFIG_SIZE } from "./config_text.ts";
import { SpecError } from "./errors.ts";

/** The faults of a configuration, one line each; empty if it has none. */
function faultsOf(text: string): string[] {
  try {
    parseConfig(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ path, problem }) => `${path}: ${problem}`);
  }
}

Deno.test("parseConfig() refuses numbers outside of 64 bits, as runc does", () => {
  const limit = (digits: string) =>
    faultsOf(
      changed((config) => {
        config.linux.resources.memory = { limit: "HERE" };
      }).replace('"HERE"', digits),
    );
  assertEquals(limit("-1"), []);
  assertEquals(limit("1.0"), []);
  for (
    const digits of ["9223372036854775808", "1e19", "1e400", "1.5", "-1e30"]
  ) {
    const [fault, ...others] = limit(digits);
    assert(
      fault?.startsWith("linux.resources.memory.limit: expected an integer"),
    );
    assertEquals(others, []);
  }
});

Deno.test("parseConfig() names every fault at once, each with its place", () => {
  const text = changed((config) => {
    config.process.cwd = "tmp";
    config.process.rlimits[0].type = "NOFILE";
    config.mounts[1].destination = "";
    config.linux.namespaces[1].type = "net";
    config.linux.resources.pids = { limit: "lots" };
    delete config.root.path;
  });
  const error = assertThrows(() => parseConfig(text), SpecError);
  assertEquals(error.message.split("\n"), [
    "Cannot use config.json:",
    '  process.cwd: expected an absolute path, found "tmp"',
    '  process.rlimits[0].type: expected one of RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, found "NOFILE"',
    "  root.path: missing",
    "  mounts[1].destination: is empty",
    '  linux.namespaces[1].type: expected one of cgroup, ipc, mount, network, pid, time, user, uts, found "net"',
    '  linux.resources.pids.limit: expected an integer, found "lots"',
  ]);
});

Deno.test("parseConfig() puts a single fault on one line", () => {
  assertThrows(
    () => parseConfig(changed((config) => delete config.root)),
    ConfigError,
    "Cannot use config.json: root: missing",
  );
});

const WRONG: [fault: string, change: Change, base?: typeof runcLike][] = [
  ["ociVersion: missing", (c) => delete c.ociVersion],
  ['ociVersion: expected a version such as 1.3.0, found "1.0"', (c) => {
    c.ociVersion = "1.0";
  }],
  [
    "ociVersion: version 2.0.0 is not supported: this program supports 1.x",
    (c) => {
      c.ociVersion = "2.0.0";
    },
  ],
  ["process: missing", (c) => delete c.process],
  ["process: expected an object, found an array", (c) => {
    c.process = [];
  }],
  ["process.args: missing", (c) => {
    c.process.args = null;
  }],
  ["process.args: is empty: there is no command to run", (c) => {
    c.process.args = [];
  }],
  ["process.args: is empty: there is no command to run", (c) => {
    c.process.args = [""];
  }],
  ["process.args[1]: expected a string, found 1", (c) => {
    c.process.args = ["sh", 1];
  }],
  ["process.env[0]: contains a NUL character", (c) => {
    c.process.env = ["A=\0"];
  }],
  ["process.cwd: is empty", (c) => {
    c.process.cwd = "";
  }],
  [
    "process.user.uid: expected an integer from 0 to 4294967294, found -1",
    (c) => {
      c.process.user.uid = -1;
    },
  ],
  [
    "process.user.gid: expected an integer from 0 to 4294967294, found 4294967295",
    (c) => {
      // setresgid(2) would leave the id unchanged, which is root's.
      c.process.user.gid = 4294967295;
    },
  ],
  ["process.user.umask: expected an integer from 0 to 511, found 512", (c) => {
    c.process.user.umask = 512;
  }],
  [
    "process.oomScoreAdj: expected an integer from -1000 to 1000, found 1001",
    (c) => {
      c.process.oomScoreAdj = 1001;
    },
  ],
  ["process.rlimits[0]: the soft limit is higher than the hard limit", (c) => {
    c.process.rlimits[0].soft = 1025;
  }],
  ["process.rlimits[1].type: RLIMIT_NOFILE occurs twice: remove one", (c) => {
    c.process.rlimits.push(c.process.rlimits[0]);
  }],
  ["process.consoleSize.width: missing", (c) => {
    c.process.consoleSize = { height: 1 };
  }],
  ["process.scheduler.priority: SCHED_OTHER does not have one", (c) => {
    c.process.scheduler = { policy: "SCHED_OTHER", priority: 1 };
  }],
  [
    "process.ioPriority.priority: expected an integer from 0 to 7, found 8",
    (c) => {
      c.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 8 };
    },
  ],
  [
    'process.execCPUAffinity.final: expected a list of numbers such as 0-3,7, found "3-0"',
    (c) => {
      c.process.execCPUAffinity = { final: "3-0" };
    },
  ],
  ["root: missing", (c) => delete c.root],
  ["root.path: is empty", (c) => {
    c.root.path = "";
  }],
  ["hostname: is longer than 64 bytes", (c) => {
    c.hostname = "ü".repeat(33);
  }],
  [
    "hostname: needs a uts namespace in linux.namespaces: otherwise it would change the host's name",
    (c) => {
      c.linux.namespaces.splice(3, 1);
    },
  ],
  ["mounts[0].options[0]: expected a string, found true", (c) => {
    c.mounts[0].options = [true];
  }],
  ["mounts[0].destination: the root filesystem is at /", (c) => {
    c.mounts[0].destination = "/etc/../";
  }],
  [
    "mounts[0]: needs both uidMappings and gidMappings, or neither",
    (c) => {
      c.mounts[0].uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    },
  ],
  ['hooks.poststop[0].path: expected an absolute path, found "x"', (c) => {
    c.hooks = { poststop: [{ path: "x" }] };
  }],
  [
    "hooks.prestart[0].timeout: expected an integer from 1 to 9007199254740991, found 0",
    (c) => {
      c.hooks = { prestart: [{ path: "/x", timeout: 0 }] };
    },
  ],
  ['annotations["a.b"]: expected a string, found 1', (c) => {
    c.annotations = { "a.b": 1 };
  }],
  ['annotations[""]: expected a name, found ""', (c) => {
    c.annotations = { "": "x" };
  }],
  ["linux.namespaces[6]: pid occurs twice: remove one", (c) => {
    c.linux.namespaces.push({ type: "pid", path: "/proc/1/ns/pid" });
  }],
  [
    "linux.namespaces: no mount namespace: the container's mounts would be made on the host",
    (c) => delete c.linux,
    minimal,
  ],
  ['linux.namespaces[0].path: expected an absolute path, found "x"', (c) => {
    c.linux.namespaces[0].path = "x";
  }],
  ["linux.uidMappings: needs a user namespace in linux.namespaces", (c) => {
    c.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
  }],
  [
    "linux.gidMappings: missing, but uidMappings is present",
    (c) => delete c.linux.gidMappings,
    rootlessLike,
  ],
  [
    "linux.uidMappings[0]: exceeds the highest ID, 4294967294",
    (c) => {
      c.linux.uidMappings[0].size = 4294967295;
    },
    rootlessLike,
  ],
  ['linux.devices[0].type: expected one of c, b, u, p, found "a"', (c) => {
    c.linux.devices = [{ type: "a", path: "/dev/x", major: 1, minor: 1 }];
  }],
  ["linux.devices[0]: needs major and minor", (c) => {
    c.linux.devices = [{ type: "c", path: "/dev/x", major: 1 }];
  }],
  [
    "linux.devices[0].major: expected an integer from 0 to 4095, found 4096",
    (c) => {
      c.linux.devices = [{ type: "c", path: "/dev/x", major: 4096, minor: 1 }];
    },
  ],
  [
    'linux.sysctl["kernel.panic"]: belongs to the host, not to a namespace',
    (c) => {
      c.linux.sysctl = { "kernel.panic": "1" };
    },
  ],
  [
    'linux.sysctl["../x"]: contains both dots and slashes, which is not supported',
    (c) => {
      c.linux.sysctl = { "../x": "1" };
    },
  ],
  ["linux.timeOffsets: needs a new time namespace in linux.namespaces", (c) => {
    c.linux.timeOffsets = { boottime: { secs: 1 } };
  }],
  [
    'linux.maskedPaths[0]: expected an absolute path, found "proc"',
    (c) => {
      c.linux.maskedPaths = ["proc"];
    },
  ],
  [
    'linux.rootfsPropagation: expected one of private, slave, shared, unbindable, rprivate, rslave, rshared, runbindable, found "host"',
    (c) => {
      c.linux.rootfsPropagation = "host";
    },
  ],
  [
    "linux.resources: memory.swap is the sum of memory and swap and cannot be less than memory.limit",
    (c) => {
      c.linux.resources.memory = { limit: 2, swap: 1 };
    },
  ],
  [
    'linux.resources: hugepageLimits: "2M" is not a page size such as 2MB',
    (c) => {
      c.linux.resources.hugepageLimits = [{ pageSize: "2M", limit: 1 }];
    },
  ],
  [
    'linux.resources.devices[0].access: expected letters from r, w and m, found "x"',
    (c) => {
      c.linux.resources.devices[0].access = "x";
    },
  ],
  [
    "linux.resources.blockIO.weightDevice[0]: needs weight or leafWeight",
    (c) => {
      c.linux.resources.blockIO = { weightDevice: [{ major: 1, minor: 1 }] };
    },
  ],
  ["linux.seccomp.defaultAction: missing", (c) => {
    c.linux.seccomp = {};
  }],
  [
    "linux.seccomp.syscalls[0].names: is empty",
    (c) => {
      c.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: [], action: "SCMP_ACT_ERRNO" }],
      };
    },
  ],
  [
    "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW does not take an errno",
    (c) => {
      c.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 };
    },
  ],
  ["linux.seccomp.listenerMetadata: needs a listenerPath", (c) => {
    c.linux.seccomp = {
      defaultAction: "SCMP_ACT_NOTIFY",
      listenerMetadata: "x",
    };
  }],
  [
    'linux.netDevices["../x"]: expected the name of a network interface, found "../x"',
    (c) => {
      c.linux.netDevices = { "../x": {} };
    },
  ],
  [
    'linux.intelRdt.closID: expected the name of a directory, found ".."',
    (c) => {
      c.linux.intelRdt = { closID: ".." };
    },
  ],
  ["linux.personality.flags: OCI does not define any yet", (c) => {
    c.linux.personality = { domain: "LINUX", flags: ["X"] };
  }],
];

Deno.test("parseConfig() names the place and the problem of each fault", () => {
  for (const [fault, change, base] of WRONG) {
    assertEquals(faultsOf(changed(change, base)), [fault]);
  }
});

Deno.test("parseConfig() refuses id ranges that overlap", () => {
  const text = changed((config) => {
    config.linux.uidMappings.push({ containerID: 9, hostID: 990, size: 11 });
  }, rootlessLike);
  assertEquals(faultsOf(text), [
    "linux.uidMappings[0]: its hostID overlaps with another range",
  ]);
});

Deno.test("parseConfig() refuses a member that occurs twice", () => {
  const text = asText(runcLike());
  assertEquals(
    faultsOf(text.replace('"cwd": "/"', '"cwd": "/", "c\\u0077d": "/root"')),
    ["process.cwd: occurs twice: remove one"],
  );
  assertEquals(
    faultsOf(text.replace('"type": "proc"', '"type": "proc", "type": "tmpfs"')),
    ["mounts[0].type: occurs twice: remove one"],
  );
});

Deno.test("parseConfig() refuses a text that is not JSON, too large or too deep", () => {
  const refused = (text: string, problem: string) => {
    const [fault = ""] = faultsOf(text);
    assert(fault.startsWith(`: ${problem}`), fault);
    assert(!/\p{C}/u.test(fault), JSON.stringify(fault));
  };
  refused("", "not JSON");
  refused("{", "not JSON");
  refused('{"a\n\x1b[31m', "not JSON");
  refused("\x1b[31m", "not JSON");
  refused("[".repeat(1e6), "nested more than 64 deep");
  refused('{"a":'.repeat(100) + "1" + "}".repeat(100), "nested more than");
  refused(`"${"x".repeat(MAX_CONFIG_SIZE)}"`, "larger than 16 MiB");
  refused("null", "expected an object, found null");
  refused("[]", "expected an object, found an array");
});

Deno.test("parseConfig() names at most twenty faults", () => {
  const text = changed((config) => {
    config.process.args = Array(50_000).fill(0);
  });
  const error = assertThrows(() => parseConfig(text), ConfigError);
  const lines = error.message.split("\n");
  assertEquals(lines.length, 22);
  assertEquals(lines.at(-1), "  and 49980 more");
});
