/**
 * The library as root: options, status, signals, limits, and the end of
 * containers.
 */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  ContainerError,
  type LibraryOptions,
  plan,
  run,
  type SignalName,
} from "../../mod.ts";
import { descendants } from "../_host.ts";
import { CONTAINER, execute, rootfs, TempDir, until } from "../_harness.ts";
import { output, shell, start, test } from "../_library.ts";

test("status is the command's status", async () => {
  assertEquals(await shell("echo out; echo err >&2; exit 3"), {
    code: 3,
    success: false,
    signal: null,
    outOfMemory: false,
    stdout: "out\n",
    stderr: "err\n",
  });
  const { success, code } = await output(["true"]);
  assertEquals([success, code], [true, 0]);
});

test("status names the signal that killed the command", async () => {
  await using container = await start(["sleep", "100"]);
  // As PID 1 it ignores signals that it does not handle.
  assertEquals(container.signal("SIGTERM"), true);
  assertEquals(container.signal("SIGKILL"), true);
  assertEquals(await container.status, {
    code: 137,
    success: false,
    signal: "SIGKILL",
    outOfMemory: false,
  });
  assertEquals(container.signal("SIGTERM"), false);
});

test("signal() reaches a handler for every signal", async () => {
  const names: SignalName[] = ["SIGHUP", "SIGINT", "SIGUSR1", "SIGTERM"];
  for (const name of names) {
    await using container = await start([
      "sh",
      "-c",
      `trap 'exit 9' ${
        name.slice(3)
      }; echo ready; while :; do sleep 0.05; done`,
    ], { stdout: "piped" });
    await container.stdout.getReader().read();
    container.signal(name);
    assertEquals((await container.status).code, 9, name);
  }
});

test("disposing kills the container with all its processes, and waits", async () => {
  const container = await start([
    "sh",
    "-c",
    "trap '' TERM INT; sleep 1000 & sleep 1000 & echo ready; wait",
  ], { stdout: "piped" });
  await container.stdout.getReader().read();
  assertEquals(descendants(Deno.pid).length, 3);
  await container[Symbol.asyncDispose]();
  assertEquals(descendants(Deno.pid), []);
  assertEquals((await container.status).signal, "SIGKILL");
  // A second time does nothing.
  await container[Symbol.asyncDispose]();
});

test("a container ends by itself if nothing awaits its status", async () => {
  const container = await start(["true"]);
  await until(
    "it is gone",
    () => !descendants(Deno.pid).some(({ pid }) => pid === container.pid),
  );
});

test("an AbortSignal kills the container before and after its start", async () => {
  const controller = new AbortController();
  await using container = await start(["sleep", "100"], {
    signal: controller.signal,
  });
  controller.abort();
  assertEquals((await container.status).signal, "SIGKILL");
  const error = await assertRejects(() =>
    start(["true"], { signal: AbortSignal.abort(new Error("too late")) })
  );
  assertEquals((error as Error).message, "too late");
});

test("AbortSignal.timeout() limits the time", async () => {
  const started = performance.now();
  await using container = await start(["sleep", "100"], {
    signal: AbortSignal.timeout(200),
  });
  assertEquals((await container.status).signal, "SIGKILL");
  assert(performance.now() - started < 20_000);
  // A container that ends in time is not affected.
  const controller = new AbortController();
  await using other = await start(["true"], { signal: controller.signal });
  assertEquals((await other.status).code, 0);
  controller.abort();
});

test("stats() reports the current use, and the total after the end", async () => {
  const limit = 64 * 1024 * 1024;
  const container = await start(["cat"], {
    stdin: "piped",
    stdout: "piped",
    resources: { memory: { limit }, pids: { limit: 20 } },
  });
  const stdin = container.stdin.getWriter();
  await stdin.write(new Uint8Array(1));
  // On cgroup v1 it joins its cgroup after its start.
  await container.stdout.getReader().read();
  const { memory, pids } = container.stats();
  assertEquals([memory?.limit, pids?.limit], [limit, 20]);
  assert(memory!.current > 0 && pids!.current > 0);
  await stdin.close();
  await container.status;
  assertEquals(container.stats().memory?.limit, limit);
  await container[Symbol.asyncDispose]();
  await using plain = await start(["true"]);
  assertThrows(() => plain.stats(), ContainerError, "no cgroup");
});

test("status distinguishes running out of memory from a kill", async () => {
  const { outOfMemory, success } = await shell("tail /dev/zero", {
    resources: { memory: { limit: 16 * 1024 * 1024 } },
  });
  assertEquals([outOfMemory, success], [true, false]);
});

test("the cgroup of a killed container is removed", async () => {
  await using container = await start(["sh", "-c", "sleep 100 & sleep 100"], {
    resources: { pids: { limit: 10 } },
  });
  assertEquals(container.stats().pids?.limit, 10);
});

const GIVEN: [string, Partial<LibraryOptions>, string, string][] = [
  ["env", { env: { NAME: "Ada" } }, "echo $NAME", "Ada\n"],
  [
    "env with a byte that is not UTF-8",
    { env: { NAME: "\udcff" } },
    `[ "$NAME" = "$(printf '\\377')" ] && echo same`,
    "same\n",
  ],
  ["hostname", { hostname: "box" }, "hostname", "box\n"],
  ["workdir", { workdir: "/tmp" }, "pwd", "/tmp\n"],
  ["user", { user: "1000:1001" }, "id -u; id -g", "1000\n1001\n"],
  ["groups", { user: "1:1", groups: ["7"] }, "id -G", "1 7\n"],
  ["umask", { umask: 0o27 }, "umask", "0027\n"],
  ["nice", { nice: 5 }, "cut -d' ' -f19 /proc/self/stat", "5\n"],
  ["oomScoreAdj", { oomScoreAdj: 7 }, "cat /proc/self/oom_score_adj", "7\n"],
  [
    "rlimits",
    { rlimits: [{ type: "RLIMIT_NOFILE", soft: 64, hard: 64 }] },
    "ulimit -n",
    "64\n",
  ],
  [
    "readonly",
    { readonly: true },
    "touch /x 2>/dev/null || echo readonly",
    "readonly\n",
  ],
  ["ephemeral", { ephemeral: true }, "touch /x-library && echo yes", "yes\n"],
  [
    "capabilities",
    { capabilities: { drop: ["ALL"] } },
    "grep CapBnd /proc/self/status",
    "CapBnd:\t0000000000000000\n",
  ],
  [
    "sysctls",
    { sysctls: { "net.ipv4.ip_forward": "1" } },
    "cat /proc/sys/net/ipv4/ip_forward",
    "1\n",
  ],
  [
    "defaultMounts",
    { defaultMounts: false, mounts: [{ destination: "/proc", type: "proc" }] },
    "while read -r _ place _; do echo $place; done < /proc/mounts | grep -v '^/proc/'",
    "/\n/proc\n",
  ],
];

for (const [name, options, script, expected] of GIVEN) {
  test(`${name} does the same as its flag`, async () => {
    const { stdout, stderr } = await shell(script, options);
    assertEquals([stdout, stderr], [expected, ""]);
  });
}

test("mounts have OCI's form and are visible where asked for", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "content");
  const bind = { type: "bind", source: dir.path };
  const { stdout } = await shell(
    "cat /ro/file; touch /ro/x 2>/dev/null || echo -readonly; touch /rw/made",
    {
      mounts: [
        { ...bind, destination: "/ro", options: ["rbind", "ro"] },
        { ...bind, destination: "/rw", options: ["rbind"] },
      ],
      ephemeral: true,
    },
  );
  assertEquals(stdout, "content-readonly\n");
  assert((await Deno.stat(`${dir.path}/made`)).isFile);
});

test("namespaces can be the host's or private", async () => {
  const names = { network: "net", ipc: "ipc", uts: "uts", pid: "pid" } as const;
  const script = Object.values(names).map((name) =>
    `readlink /proc/self/ns/${name}`
  ).join(";");
  const host = Object.values(names).map((name) =>
    Deno.readLinkSync(`/proc/self/ns/${name}`)
  );
  const own = (await shell(script)).stdout.trim().split("\n");
  assertEquals(own.filter((link) => host.includes(link)), []);
  const shared = await shell(script, {
    namespaces: { network: "host", ipc: "host", uts: "host", pid: "host" },
  });
  assertEquals(shared.stdout.trim().split("\n"), host, shared.stderr);
});

test("seccomp is on by default, and unconfined turns it off", async () => {
  const script = "grep ^Seccomp: /proc/self/status";
  assertMatch((await shell(script)).stdout, /2\n$/);
  const { stdout } = await shell(script, { seccomp: "unconfined" });
  assertMatch(stdout, /0\n$/);
});

test("rootfs / is the host's tree, read-only; empty contains only what is given", async () => {
  const host = await shell(
    "hostname; touch /tmp/x-library 2>/dev/null || echo readonly",
    { rootfs: "/" },
  );
  assertEquals(host.stdout, "container\nreadonly\n");
  const empty = await output(["/bin/busybox", "ls", "/"], {
    rootfs: "empty",
    mounts: [{
      destination: "/bin",
      type: "bind",
      source: `${rootfs()}/bin`,
      options: ["rbind", "ro"],
    }],
  });
  assertEquals(empty.stdout, "bin\ndev\nproc\nsys\n");
});

test("run() passes on nothing of the program's environment or descriptors", async () => {
  Deno.env.set("SECRET_OF_THE_HOST", "secret");
  using _file = await Deno.open("/etc/hostname");
  try {
    const { stdout } = await shell("env | sort; ls /proc/self/fd");
    assertEquals(
      stdout,
      [
        "HOME=/root",
        "HOSTNAME=container",
        "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
        "PWD=/",
        "SHLVL=1",
        // The last one is of ls itself.
        ...["0", "1", "2", "3", ""],
      ].join("\n"),
    );
    const all = await shell("echo $SECRET_OF_THE_HOST", { hostEnv: true });
    assertEquals(all.stdout, "secret\n");
  } finally {
    Deno.env.delete("SECRET_OF_THE_HOST");
  }
});

interface Named {
  step: string;
}

test("plan() is the plan of explain --json and of run()", async () => {
  const cases: [Partial<LibraryOptions>, string[]][] = [
    [{}, []],
    [{ user: "7:8", hostname: "box" }, ["--user", "7:8", "--hostname", "box"]],
    [{ ephemeral: true, readonly: false }, ["--ephemeral"]],
    [{ namespaces: { network: "host" } }, ["--network", "host"]],
    [{ rootfs: "empty" }, ["--rootfs", "empty"]],
    [{ rootfs: "/nosuch" }, ["--rootfs", "/nosuch"]],
  ];
  for (const [options, flags] of cases) {
    const words = ["--no-init", "--rootfs", rootfs(), ...flags, "true"];
    const explained = await execute([
      ...CONTAINER,
      ...["explain", "--json", "run"],
      ...words,
    ]);
    const { command, leftOut: _, ...steps } = JSON.parse(
      explained.stdout,
      // What explain adds to each step.
      (key, value) => key === "needs" ? undefined : value,
    );
    assertEquals(command, ["true"]);
    const planned = await plan({
      rootfs: rootfs(),
      command: ["true"],
      // What execute() connects them to.
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
      ...options,
    });
    const { process, ...others } = JSON.parse(JSON.stringify(planned));
    // Its pipes are made for the command; those of explain are the caller's.
    const given = ({ step }: Named) => step === "giveStreams";
    assertEquals(process.filter(given).length, options.user ? 1 : 0);
    assertEquals(
      { ...others, process: process.filter((step: Named) => !given(step)) },
      steps,
      String(flags),
    );
  }
});

test("equal options share a compiled plan, and others do not get it", async () => {
  for (const name of ["a", "b", "a"]) {
    const { stdout } = await shell("hostname", { hostname: name });
    assertEquals(stdout, `${name}\n`);
  }
  const command = ["sh", "-c", "echo $0", "one"];
  assertEquals((await output(command)).stdout, "one\n");
  command[3] = "two";
  assertEquals((await output(command)).stdout, "two\n");
});

test("run() uses ./fs if no root filesystem is given", async () => {
  const before = Deno.cwd();
  await using dir = new TempDir();
  await Deno.symlink(rootfs(), `${dir.path}/fs`);
  Deno.chdir(dir.path);
  try {
    await using container = await run({ command: ["true"] });
    assertEquals((await container.status).code, 0);
  } finally {
    Deno.chdir(before);
  }
});
