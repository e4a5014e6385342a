// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  asText,
  changed,
  CONFIGS,
  dockerLike,
  minimal,
  podmanLike,
  runcLike,
} from "./_config_fixture.ts";
import {
  ConfigError,
  configText,
  parseConfig,
  parseProcess,
  parseResources,
} from "./config.ts";

for (const [name, make] of Object.entries(CONFIGS)) {
  Deno.test(`parseConfig() reads the configuration ${name}`, () => {
    const noise: string[] = [];
    parseConfig(asText(make()), {
      warn: (line) => noise.push(line),
      ignored: (path) => noise.push(path),
    });
    assertEquals(noise, []);
  });
  Deno.test(`configText() writes a text that parseConfig() reads again: ${name}`, () => {
    const spec = parseConfig(asText(make()));
    assertEquals(parseConfig(configText(spec)), spec);
  });
}

Deno.test("parseConfig() returns a complete configuration unchanged", () => {
  assertEquals<unknown>(parseConfig(asText(runcLike())), runcLike());
});

Deno.test("parseConfig() fills in optional members", () => {
  assertEquals<unknown>(parseConfig(asText(minimal())), {
    ...minimal(),
    process: { user: { uid: 0, gid: 0 }, args: ["true"], env: [], cwd: "/" },
  });
});

Deno.test("parseConfig() takes null and empty strings as absent, as Go writes them", () => {
  const text = changed((config) => {
    config.hooks = null;
    config.mounts = null;
    config.domainname = "";
    config.process.apparmorProfile = "";
    config.process.env = null;
    config.linux.cgroupsPath = "";
    config.linux.rootfsPropagation = "";
    config.linux.namespaces[0].path = "";
    config.linux.resources.devices[0].type = "";
    config.linux.resources.cpu = { cpus: "", mems: "" };
  });
  const spec = parseConfig(text);
  assertEquals([spec.hooks, spec.mounts, spec.domainname], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(spec.process.env, []);
  assertEquals(spec.linux.namespaces[0], { type: "pid" });
  assertEquals(spec.linux.resources?.cpu, {});
});

Deno.test("parseConfig() drops consoleSize if there is no terminal", () => {
  assertEquals(
    parseConfig(asText(dockerLike())).process.consoleSize,
    undefined,
  );
  const text = changed((config) => {
    config.process.consoleSize = { height: 25, width: 80 };
  });
  assertEquals(parseConfig(text).process.consoleSize, {
    height: 25,
    width: 80,
  });
});

Deno.test("parseConfig() reads values that engines write in other forms", () => {
  const { linux } = parseConfig(asText(dockerLike()));
  assertEquals(linux.devices?.[0]?.fileMode, 0o666);
  assertEquals(linux.rootfsPropagation, "rslave");
  const podman = parseConfig(asText(podmanLike()));
  assertEquals(podman.process.user.umask, 0o22);
  assertEquals(podman.linux.timeOffsets?.boottime, { secs: -5, nanosecs: 10 });
});

Deno.test("parseConfig() also reads a sysctl by its path", () => {
  const text = changed((config) => {
    config.linux.sysctl = { "net/ipv4/ip_forward": "1" };
  });
  assertEquals(parseConfig(text).linux.sysctl, { "net.ipv4.ip_forward": "1" });
});

Deno.test("parseConfig() keeps every digit of an rlimit and of a system call's argument", () => {
  const numbers = [
    "9007199254740991",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551614",
  ];
  for (const digits of numbers) {
    const text = changed((config) => {
      config.process.rlimits[0] = {
        type: "RLIMIT_AS",
        soft: 1,
        hard: "HERE",
      };
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{
          names: ["clone"],
          action: "SCMP_ACT_ERRNO",
          args: [{ index: 0, value: "HERE", op: "SCMP_CMP_EQ" }],
        }],
      };
    }).replaceAll('"HERE"', digits);
    const spec = parseConfig(text);
    assertEquals(String(spec.process.rlimits?.[0]?.hard), digits);
    const [rule] = spec.linux.seccomp?.syscalls ?? [];
    assertEquals(String(rule?.args?.[0]?.value), digits);
    const written = configText(spec);
    assertEquals(written.split(digits).length, 3, written);
  }
});

Deno.test("parseConfig() takes the highest rlimit as no limit", () => {
  const { process } = parseConfig(asText(dockerLike()));
  assertEquals(process.rlimits?.[0], {
    type: "RLIMIT_CORE",
    soft: -1,
    hard: -1,
  });
  assert(
    configText(parseConfig(asText(dockerLike()))).includes(
      '"soft": 18446744073709551615',
    ),
  );
});

Deno.test("parseConfig() reduces huge amounts to the highest exact number", () => {
  const most = Number.MAX_SAFE_INTEGER;
  for (const digits of ["9223372036854771712", "9223372036854775807"]) {
    const text = changed((config) => {
      config.linux.resources.memory = { limit: "HERE", swap: "HERE" };
      config.linux.resources.hugepageLimits = [
        { pageSize: "2MB", limit: "HERE" },
      ];
    }).replaceAll('"HERE"', digits);
    const { memory, hugepageLimits } = parseConfig(text).linux.resources ?? {};
    assertEquals(memory, { limit: most, swap: most });
    assertEquals(hugepageLimits?.[0]?.limit, most);
  }
});

Deno.test("parseConfig() warns of an unknown capability and leaves it out", () => {
  const lines: string[] = [];
  const { process } = parseConfig(
    changed((config) => {
      config.process.capabilities.ambient = ["CAP_KILL", "CAP_FLY", "chown"];
    }),
    { warn: (line) => lines.push(line) },
  );
  assertEquals(process.capabilities?.ambient, ["CAP_KILL"]);
  assertEquals(lines, [
    'process.capabilities.ambient[1]: unknown capability "CAP_FLY" is ignored',
    'process.capabilities.ambient[2]: unknown capability "chown" is ignored',
  ]);
});

Deno.test("parseConfig() ignores unknown members and reports their paths", () => {
  const ignored: string[] = [];
  const text = changed((config) => {
    config.vm = { x: 1 };
    config.Process = 1;
    config.linux.namespaces[0].x = 1;
    config.process.scheduling = { nice: -20 };
    config.linux.devices = [
      { type: "p", path: "/dev/x", source: "/dev/sda" },
    ];
  });
  const spec = parseConfig(text, { ignored: (path) => ignored.push(path) });
  assertEquals(spec.process.scheduling, undefined);
  assertEquals(spec.linux.devices?.[0]?.source, undefined);
  assertEquals(ignored, [
    "process.scheduling",
    "linux.namespaces[0].x",
    "linux.devices[0].source",
    "vm",
    "Process",
  ]);
});

Deno.test("parseConfig() treats __proto__ like any other name", () => {
  const text = asText(runcLike()).replace(
    '"hostname"',
    `"annotations": {"__proto__": "x", "constructor": "y"},
     "__proto__": {"domainname": "evil"}, "hostname"`,
  );
  const spec = parseConfig(text);
  assertEquals(Object.entries(spec.annotations ?? {}), [
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  assertEquals(spec.domainname, undefined);
  assertEquals(Object.getPrototypeOf(spec), Object.prototype);
});

Deno.test("parseProcess() and parseResources() read their part of a configuration alone", () => {
  const { process, linux } = dockerLike();
  assertEquals<unknown>(
    parseProcess(asText(process)),
    parseConfig(asText(dockerLike())).process,
  );
  assertEquals<unknown>(
    parseResources(asText(linux.resources)),
    parseConfig(asText(dockerLike())).linux.resources,
  );
  assertThrows(
    () => parseProcess('{"args": ["true"]}'),
    ConfigError,
    "Cannot use the process: cwd: missing",
  );
  assertThrows(
    () => parseResources('{"memory": {"swap": 1}}'),
    ConfigError,
    "Cannot use the resources: memory.swap is the sum of memory and swap and requires memory.limit",
  );
});

Deno.test("parseConfig() starts a relative destination at the root, with a warning", () => {
  const config = CONFIGS.minimal!() as { mounts?: unknown[] };
  config.mounts = [{ destination: "a/b", type: "tmpfs" }];
  const told: string[] = [];
  const spec = parseConfig(asText(config), { warn: (line) => told.push(line) });
  assertEquals(spec.mounts?.[0]?.destination, "/a/b");
  assertEquals(told, [
    'mounts[0].destination: "a/b" is relative, which is deprecated: /a/b is used',
  ]);
});

Deno.test("parseConfig() reads a pids.limit of 0 as the configuration's version defines it", () => {
  const limit = (ociVersion: string, pids: unknown) => {
    const text = changed((config) => {
      config.ociVersion = ociVersion;
      config.linux.resources.pids = pids;
    });
    return parseConfig(text).linux.resources?.pids?.limit;
  };
  for (const old of ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1"]) {
    assertEquals(limit(old, { limit: 0 }), -1, old);
  }
  for (const recent of ["1.3.0-rc.1", "1.3.0", "1.10.0"]) {
    assertEquals(limit(recent, { limit: 0 }), 1, recent);
    assertEquals(limit(recent, { limit: 7 }), 7);
    assertEquals(limit(recent, { limit: -1 }), -1);
  }
  assertEquals(limit("1.3.0", {}), undefined);
  assertEquals(parseResources('{"pids":{}}'), {});
});

Deno.test("parseConfig() leaves out unknown access letters of a device, with a warning", () => {
  const lines: string[] = [];
  const text = changed((config) => {
    config.linux.resources.devices[0].access = "rwa";
  });
  const { linux } = parseConfig(text, { warn: (line) => lines.push(line) });
  assertEquals(linux.resources?.devices?.[0]?.access, "rw");
  assertEquals(lines, [
    'linux.resources.devices[0].access: "rwa" is read as rw: only r, w and m are allowed',
  ]);
});
