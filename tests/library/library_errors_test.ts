/** The library's errors: their class, their step, and that nothing is left. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import {
  CommandError,
  ContainerError,
  type LibraryOptions,
  SpecError,
  type Step,
  StepError,
  UsageError,
} from "../../mod.ts";
import { execute, REPOSITORY, rootfs, TempDir } from "../_harness.ts";
import { start, test } from "../_library.ts";

/** All streams are pipes, so a failed start has most to close. */
const PIPED = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;

/**
 * Starts a container that must fail; returns the error of `run()` or of
 * `status`.
 */
async function failure(
  command: string[],
  options: Partial<LibraryOptions> = {},
): Promise<{ of: "run" | "status"; error: unknown }> {
  let container;
  try {
    container = await start(command, { ...PIPED, ...options });
  } catch (error) {
    return { of: "run", error };
  }
  await using _container = container;
  const error = await container.status.then(
    () => new Error("It was started"),
    (error) => error,
  );
  return { of: "status", error };
}

interface Case {
  name: string;
  options: Partial<LibraryOptions>;
  command?: string[];
  of: "run" | "status";
  error: new (...args: never[]) => ContainerError;
  message: RegExp;
  status: number;
  step?: Step["step"];
}

const resources = { pids: { limit: 10 } };

const CASES: Case[] = [
  {
    name: "a missing command",
    options: {},
    command: ["nosuch"],
    of: "status",
    error: CommandError,
    message: /^Cannot run nosuch: not found in \/bin:/,
    status: 127,
  },
  {
    name: "a missing command with a limit",
    options: { resources },
    command: ["/no/such"],
    of: "status",
    error: CommandError,
    message: /^Cannot run \/no\/such: no such file/,
    status: 127,
  },
  {
    name: "a directory as the command",
    options: {},
    command: ["/bin"],
    of: "status",
    error: CommandError,
    message: /^Cannot run \/bin: it is a directory/,
    status: 126,
  },
  {
    name: "a missing root filesystem",
    options: { rootfs: "/no/such/fs" },
    of: "run",
    error: ContainerError,
    message:
      /^Cannot use the root filesystem \/no\/such\/fs: no such directory/,
    status: 125,
  },
  {
    name: "an unknown capability",
    options: { capabilities: { add: ["FLY"] } },
    of: "run",
    error: UsageError,
    message: /^Unknown capability FLY/,
    status: 125,
  },
  {
    name: "a sysctl of the host",
    options: { sysctls: { "vm.swappiness": "1" } },
    of: "run",
    error: SpecError,
    message: /^Cannot set the sysctl vm.swappiness: it belongs to the host/,
    status: 125,
  },
  {
    name: "an unknown user",
    options: { user: "nosuch" },
    of: "run",
    error: SpecError,
    message: /^Cannot run as nosuch: no such user/,
    status: 125,
  },
  {
    name: "a host mount namespace",
    options: { namespaces: { mount: "host" } },
    of: "run",
    error: UsageError,
    message: /mount namespace/,
    status: 125,
  },
  {
    name: "a missing namespace",
    options: { namespaces: { network: "path:/proc/0/ns/net" }, resources },
    of: "run",
    error: StepError,
    message:
      /^Cannot join the network namespace \/proc\/0\/ns\/net: openat: no such file/,
    status: 125,
    step: "joinNamespaces",
  },
  {
    name: "a bind mount with a missing source",
    options: {
      mounts: [{ destination: "/x", type: "bind", source: "/no/such" }],
      resources,
    },
    of: "status",
    error: StepError,
    message: /^Cannot .*\/no\/such.*: open_tree: no such file/,
    status: 125,
    step: "openTree",
  },
  {
    name: "a missing working directory",
    options: { workdir: "/no/such" },
    of: "status",
    error: StepError,
    message: /^Cannot .*\/no\/such: chdir: no such file/,
    status: 125,
    step: "changeDirectory",
  },
  {
    name: "a mapping of forbidden ids",
    options: {
      userNamespace: "private",
      // The kernel takes at most 340 ranges.
      uidMap: Array.from({ length: 341 }, (_, index) => ({
        containerID: 2 * index,
        hostID: 2 * index,
        size: 1,
      })),
      resources,
    },
    of: "run",
    error: ContainerError,
    message: /^Cannot map user IDs: /,
    status: 125,
  },
  {
    name: "a limit that cannot be set",
    options: { resources: { cpu: { cpus: "999" } } },
    of: "run",
    error: ContainerError,
    message: /cpuset\.cpus/,
    status: 125,
  },
];

for (
  const { name, options, command = ["true"], of, error, message, status, step }
    of CASES
) {
  test(`${name} is a ${error.name} of ${of}, and leaves nothing`, async () => {
    // Ten rounds: what is closed only by chance stays open in one of them.
    for (let round = 0; round < 10; round++) {
      const failed = await failure(command, options);
      assertInstanceOf(failed.error, error);
      assertEquals(failed.of, of);
      assertMatch(failed.error.message, message);
      assertEquals(failed.error.status, status);
      if (step) assertEquals((failed.error as StepError).step.step, step);
    }
  });
}

test("an error has a class, a hint and an errno", async () => {
  const { error } = await failure(["true"], { workdir: "/no/such" });
  assertInstanceOf(error, StepError);
  assertEquals(error.name, "StepError");
  assertEquals([error.call, error.code], ["chdir", "ENOENT"]);
  assertMatch(error.hint!, /^Create it in the root filesystem/);
});

test("streams end if the command cannot be started", async () => {
  await using container = await start(["nosuch"], PIPED);
  assertEquals(await new Response(container.stdout).text(), "");
  assertEquals(await new Response(container.stderr).text(), "");
});

test("an overlay that cannot be made leaves no cgroup", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "");
  const { of, error } = await failure(["true"], {
    overlay: `${dir.path}/file`,
    resources,
  });
  assertEquals(of, "run");
  assertInstanceOf(error, ContainerError);
});

test("run() in a program without free descriptors fails, loses none, and works again later", async () => {
  await using dir = new TempDir();
  await Deno.writeTextFile(
    `${dir.path}/program.ts`,
    `import { run, SyscallError } from "${REPOSITORY}/mod.ts";
     const options = { rootfs: ${JSON.stringify(rootfs())}, command: ["cat"],
       stdin: "piped", stdout: "piped", stderr: "piped" };
     const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
     // From 500 ms on Deno has two descriptors for SIGUSR1, signal 10.
     const caught = () => BigInt("0x" +
       /^SigCgt:\\s*(\\w+)/m.exec(Deno.readTextFileSync("/proc/self/status"))[1]);
     while (!(caught() & 1n << 9n) && performance.now() < 2000) {
       await new Promise((resolve) => setTimeout(resolve, 20));
     }
     await (await run({ ...options, command: ["true"] }))[Symbol.asyncDispose]();
     const before = open();
     const all = [];
     let error;
     while (!error) await run(options).then((one) => all.push(one), (reason) => error = reason);
     console.log(error instanceof SyscallError, error.code, all.length > 0);
     for (const one of all) await one[Symbol.asyncDispose]();
     console.log(open() - before);
     await using last = await run({ ...options, command: ["true"] });
     console.log((await last.status).code);`,
  );
  // With each limit, another call fails.
  for (const limit of [60, 61, 62, 63, 64, 65]) {
    const { stdout, stderr } = await execute([
      ...["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh"],
      Deno.execPath(),
      ...["run", "-A", "--no-check", `--config=${REPOSITORY}/deno.json`],
      `${dir.path}/program.ts`,
    ]);
    assertEquals([stdout, stderr], ["true EMFILE true\n0\n0\n", ""]);
  }
});
