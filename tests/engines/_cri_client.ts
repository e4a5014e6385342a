/**
 * A client of the Container Runtime Interface for the scenarios' scripts: a
 * program with the words of crictl(1), which no distribution here has.
 *
 *     cri runp [--config JSON] [--security JSON]
 *     cri create|run [--config JSON] [--security JSON] [--resources JSON] POD COMMAND…
 *     cri exec [--timeout SECONDS] CONTAINER COMMAND…
 *
 * JSON is a part of what the interface takes, and comes over the defaults. A
 * pod's configuration is kept in the working directory, whose logs are there too.
 */

import { Client, credentials } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
// @ts-types="../../types/std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
// @ts-types="../../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";

/** The answers, where anything of them is read. */
interface Answers {
  Status: { status: { conditions: { type: string; status: boolean }[] } };
  RunPodSandbox: { pod_sandbox_id: string };
  PodSandboxStatus: { status: { state: string; network?: { ip: string } } };
  ListPodSandbox: {
    items: { id: string; metadata: { name: string }; state: string }[];
  };
  CreateContainer: { container_id: string };
  ListContainers: {
    containers: { metadata: { name: string }; state: string }[];
  };
  ContainerStatus: { status: ContainerStatus };
  ExecSync: { stdout: Uint8Array; stderr: Uint8Array; exit_code: number };
  ContainerStats: {
    stats: {
      cpu: { usage_core_nano_seconds: { value: number } };
      memory: { working_set_bytes: { value: number } };
    };
  };
}

interface ContainerStatus {
  state: string;
  exit_code: number;
  reason: string;
  message: string;
  log_path: string;
}

type Methods = Record<string, MethodDefinition<object, object>>;

const METHODS = loadSync(
  fromFileUrl(new URL("_cri.proto", import.meta.url)),
  { keepCase: true, longs: Number, enums: String, defaults: true },
)["runtime.v1.RuntimeService"] as Methods;

const client = new Client(
  `unix:${Deno.env.get("CRI_SOCKET")}`,
  credentials.createInsecure(),
);

function call<Name extends string>(
  name: Name,
  request: object = {},
): Promise<Name extends keyof Answers ? Answers[Name] : object> {
  const { path, requestSerialize, responseDeserialize } = METHODS[name]!;
  const { promise, resolve, reject } = Promise.withResolvers<
    Name extends keyof Answers ? Answers[Name] : object
  >();
  client.makeUnaryRequest(
    path,
    requestSerialize,
    (bytes) => responseDeserialize(bytes) as Awaited<typeof promise>,
    request,
    (error, answer) => error ? reject(error) : resolve(answer!),
  );
  return promise;
}

function say(...words: unknown[]): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${words.join(" ")}\n`));
}

const [word = "", ...words] = Deno.args;
const args = parseArgs(words, {
  string: ["_", "config", "security", "resources", "name", "timeout"],
  stopEarly: true,
});

/** What an option's JSON says. */
const json = (text = "{}"): object => JSON.parse(text);

/** Processes are a container's own, as Kubernetes has it where nothing is said. */
const security = () => ({
  namespace_options: { pid: "CONTAINER" },
  ...json(args.security),
});

async function runPod(): Promise<void> {
  const name = args.name ?? "pod1";
  const config = {
    metadata: { name, uid: crypto.randomUUID(), namespace: "default" },
    hostname: name,
    log_directory: Deno.cwd(),
    linux: {
      cgroup_parent: Deno.env.get("CRI_CGROUP_PARENT"),
      security_context: security(),
    },
    ...json(args.config),
  };
  const { pod_sandbox_id } = await call("RunPodSandbox", { config });
  await Deno.writeTextFile(pod_sandbox_id, JSON.stringify(config));
  say(pod_sandbox_id);
}

async function create(pod: string, command: string[]): Promise<string> {
  const name = args.name ?? "c1";
  const config = {
    metadata: { name },
    image: { image: Deno.env.get("CRI_IMAGE") },
    command,
    log_path: `${name}.log`,
    linux: {
      resources: json(args.resources),
      security_context: security(),
    },
    ...json(args.config),
  };
  const { container_id } = await call("CreateContainer", {
    pod_sandbox_id: pod,
    config,
    sandbox_config: JSON.parse(await Deno.readTextFile(pod)),
  });
  return container_id;
}

async function statusOf(container_id: string): Promise<ContainerStatus> {
  return (await call("ContainerStatus", { container_id })).status;
}

async function inspect(id: string): Promise<void> {
  const { state, exit_code, reason, message } = await statusOf(id);
  const end = state === "CONTAINER_EXITED" ? ` ${exit_code} ${reason}` : "";
  say(`${state}${end}${message && `\n${message}`}`);
}

async function ended(id: string): Promise<void> {
  while ((await statusOf(id)).state !== "CONTAINER_EXITED") {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A log's lines begin with a time, a stream, and F where the line is whole. */
async function logs(id: string): Promise<void> {
  const { log_path } = await statusOf(id);
  const lines = (await Deno.readTextFile(log_path)).trimEnd().split("\n");
  const texts = lines.map((line) => /^\S+ \S+ ([FP]) (.*)$/.exec(line) ?? [])
    .map(([, whole, text = ""]) => whole === "F" ? `${text}\n` : text);
  say(texts.join("").trimEnd());
}

async function run(pod: string, command: string[]): Promise<string> {
  const container_id = await create(pod, command);
  await call("StartContainer", { container_id });
  return container_id;
}

async function exec(container_id: string, cmd: string[]): Promise<void> {
  const { stdout, stderr, exit_code } = await call("ExecSync", {
    container_id,
    cmd,
    timeout: Number(args.timeout ?? 0),
  });
  Deno.stdout.writeSync(stdout);
  Deno.stderr.writeSync(stderr);
  Deno.exitCode = exit_code;
}

const WORDS: Record<string, (id: string, rest: string[]) => Promise<unknown>> =
  {
    async info() {
      for (const one of (await call("Status")).status.conditions) {
        say(one.type, one.status);
      }
    },
    runp: runPod,
    stopp: (pod_sandbox_id) => call("StopPodSandbox", { pod_sandbox_id }),
    rmp: (pod_sandbox_id) => call("RemovePodSandbox", { pod_sandbox_id }),
    async inspectp(pod_sandbox_id) {
      const { status } = await call("PodSandboxStatus", { pod_sandbox_id });
      say(status.state, status.network?.ip ?? "");
    },
    async pods() {
      for (const one of (await call("ListPodSandbox")).items) {
        say(one.metadata.name, one.state);
      }
    },
    create: async (pod, command) => say(await create(pod, command)),
    start: (container_id) => call("StartContainer", { container_id }),
    run: async (pod, command) => say(await run(pod, command)),
    /** A container from its beginning to its end, and what its log says. */
    async try(pod, command) {
      const id = await run(pod, command);
      await ended(id);
      await logs(id);
      await Deno.remove((await statusOf(id)).log_path);
      await call("RemoveContainer", { container_id: id });
    },
    stop: (container_id) =>
      call("StopContainer", {
        container_id,
        timeout: Number(args.timeout ?? 0),
      }),
    rm: (container_id) => call("RemoveContainer", { container_id }),
    async ps() {
      for (const one of (await call("ListContainers")).containers) {
        say(one.metadata.name, one.state);
      }
    },
    inspect,
    async wait(id) {
      await ended(id);
      await inspect(id);
    },
    logs,
    reopen: (container_id) => call("ReopenContainerLog", { container_id }),
    exec,
    update: (container_id) =>
      call("UpdateContainerResources", {
        container_id,
        linux: json(args.resources),
      }),
    async stats(container_id) {
      const { cpu, memory } =
        (await call("ContainerStats", { container_id })).stats;
      say("cpu", cpu.usage_core_nano_seconds.value);
      say("memory", memory.working_set_bytes.value);
    },
    async clear() {
      for (const { id } of (await call("ListPodSandbox")).items) {
        await call("StopPodSandbox", { pod_sandbox_id: id });
        await call("RemovePodSandbox", { pod_sandbox_id: id });
      }
    },
  };

try {
  const [id = "", ...rest] = args._;
  await WORDS[word]!(id, rest);
} catch (error) {
  Deno.stderr.writeSync(new TextEncoder().encode(`${error}\n`));
  Deno.exitCode = 1;
} finally {
  client.close();
}
