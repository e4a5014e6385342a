/**
 * A client of the Container Runtime Interface for the scenarios' scripts, with
 * the words of crictl(1), which no distribution here has:
 *
 *     cri runp [--config JSON] [--security JSON]
 *     cri create|run [--config JSON] [--security JSON] [--resources JSON] POD COMMAND…
 *     cri exec [--timeout SECONDS] CONTAINER COMMAND…
 *
 * JSON is a part of what the interface takes, and comes over the defaults. A
 * pod's configuration is kept in the working directory, whose logs are there too.
 */

import { Buffer } from "node:buffer";
// @ts-types="../../types/std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
// @ts-types="../../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";
import type { Answer } from "./_calls.ts";
import type { Grpc, GrpcClient } from "./_grpc_types.ts";

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

/** By a name that is no literal: `deno check` would load the packages. */
const PACKAGES = "./_grpc.ts";
const { Client, credentials, loadSync } = await import(PACKAGES) as Grpc;

const METHODS = loadSync(
  fromFileUrl(new URL("_cri.proto", import.meta.url)),
  { keepCase: true, longs: Number, enums: String, defaults: true },
)["runtime.v1.RuntimeService"]!;

/** What every call needs. */
export interface CriOptions {
  socket: string;
  image: string;
  cgroupParent: string;
}

/** A connection to the interface. */
export class CriClient implements Disposable {
  readonly #client: GrpcClient;

  constructor(private readonly options: CriOptions) {
    this.#client = new Client(
      `unix:${options.socket}`,
      credentials.createInsecure(),
      // The client exists before containerd listens.
      {
        "grpc.initial_reconnect_backoff_ms": 50,
        "grpc.min_reconnect_backoff_ms": 50,
        "grpc.max_reconnect_backoff_ms": 100,
      },
    );
  }

  /** Carries out a word of the command. */
  async run(words: string[], cwd: string): Promise<Answer> {
    const call = new Call(this.#client, this.options, words, cwd);
    try {
      await call.run();
    } catch (error) {
      call.complain(error);
    }
    return call.answer();
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** One call of the command. */
class Call {
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  #status = 0;
  readonly #args;

  constructor(
    private readonly client: GrpcClient,
    private readonly options: CriOptions,
    private readonly words: string[],
    private readonly cwd: string,
  ) {
    this.#args = parseArgs(words.slice(1), {
      string: ["_", "config", "security", "resources", "name", "timeout"],
      stopEarly: true,
    });
  }

  async run(): Promise<void> {
    const [word = ""] = this.words;
    const [id = "", ...rest] = this.#args._;
    await this.#words[word]!(id, rest);
  }

  complain(error: unknown): void {
    this.#stderr.push(new TextEncoder().encode(`${error}\n`));
    this.#status = 1;
  }

  answer(): Answer {
    return {
      stdout: Buffer.concat(this.#stdout),
      stderr: Buffer.concat(this.#stderr),
      status: this.#status,
    };
  }

  #call<Name extends string>(
    name: Name,
    request: object = {},
  ): Promise<Name extends keyof Answers ? Answers[Name] : object> {
    const { path, requestSerialize, responseDeserialize } = METHODS[name]!;
    const { promise, resolve, reject } = Promise.withResolvers<
      Name extends keyof Answers ? Answers[Name] : object
    >();
    this.client.makeUnaryRequest(
      path,
      requestSerialize,
      (bytes) => responseDeserialize(bytes) as Awaited<typeof promise>,
      request,
      (error, answer) => error ? reject(error) : resolve(answer!),
    );
    return promise;
  }

  #say(...words: unknown[]): void {
    this.#stdout.push(new TextEncoder().encode(`${words.join(" ")}\n`));
  }

  /** Processes are a container's own, as Kubernetes has it where nothing is said. */
  #security(): object {
    return {
      namespace_options: { pid: "CONTAINER" },
      ...json(this.#args.security),
    };
  }

  async #runPod(): Promise<void> {
    const name = this.#args.name ?? "pod1";
    const config = {
      metadata: { name, uid: crypto.randomUUID(), namespace: "default" },
      hostname: name,
      log_directory: this.cwd,
      linux: {
        cgroup_parent: this.options.cgroupParent,
        security_context: this.#security(),
      },
      ...json(this.#args.config),
    };
    const { pod_sandbox_id } = await this.#call("RunPodSandbox", { config });
    await Deno.writeTextFile(
      `${this.cwd}/${pod_sandbox_id}`,
      JSON.stringify(config),
    );
    this.#say(pod_sandbox_id);
  }

  async #create(pod: string, command: string[]): Promise<string> {
    const name = this.#args.name ?? "c1";
    const config = {
      metadata: { name },
      image: { image: this.options.image },
      command,
      log_path: `${name}.log`,
      linux: {
        resources: json(this.#args.resources),
        security_context: this.#security(),
      },
      ...json(this.#args.config),
    };
    const { container_id } = await this.#call("CreateContainer", {
      pod_sandbox_id: pod,
      config,
      sandbox_config: JSON.parse(await Deno.readTextFile(`${this.cwd}/${pod}`)),
    });
    return container_id;
  }

  async #statusOf(container_id: string): Promise<ContainerStatus> {
    return (await this.#call("ContainerStatus", { container_id })).status;
  }

  async #inspect(id: string): Promise<void> {
    const { state, exit_code, reason, message } = await this.#statusOf(id);
    const end = state === "CONTAINER_EXITED" ? ` ${exit_code} ${reason}` : "";
    this.#say(`${state}${end}${message && `\n${message}`}`);
  }

  async #ended(id: string): Promise<void> {
    while ((await this.#statusOf(id)).state !== "CONTAINER_EXITED") {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A log's lines begin with a time, a stream, and F where the line is whole. */
  async #logs(id: string): Promise<void> {
    const { log_path } = await this.#statusOf(id);
    const lines = (await Deno.readTextFile(log_path)).trimEnd().split("\n");
    const texts = lines.map((line) => /^\S+ \S+ ([FP]) (.*)$/.exec(line) ?? [])
      .map(([, whole, text = ""]) => whole === "F" ? `${text}\n` : text);
    this.#say(texts.join("").trimEnd());
  }

  async #run(pod: string, command: string[]): Promise<string> {
    const container_id = await this.#create(pod, command);
    await this.#call("StartContainer", { container_id });
    return container_id;
  }

  async #exec(container_id: string, cmd: string[]): Promise<void> {
    const { stdout, stderr, exit_code } = await this.#call("ExecSync", {
      container_id,
      cmd,
      timeout: Number(this.#args.timeout ?? 0),
    });
    this.#stdout.push(stdout);
    this.#stderr.push(stderr);
    this.#status = exit_code;
  }

  readonly #words: Record<
    string,
    (id: string, rest: string[]) => Promise<unknown>
  > = {
    info: async () => {
      for (const one of (await this.#call("Status")).status.conditions) {
        this.#say(one.type, one.status);
      }
    },
    runp: () => this.#runPod(),
    stopp: (pod_sandbox_id) => this.#call("StopPodSandbox", { pod_sandbox_id }),
    rmp: (pod_sandbox_id) => this.#call("RemovePodSandbox", { pod_sandbox_id }),
    inspectp: async (pod_sandbox_id) => {
      const { status } = await this.#call("PodSandboxStatus", {
        pod_sandbox_id,
      });
      this.#say(status.state, status.network?.ip ?? "");
    },
    pods: async () => {
      for (const one of (await this.#call("ListPodSandbox")).items) {
        this.#say(one.metadata.name, one.state);
      }
    },
    create: async (pod, command) => this.#say(await this.#create(pod, command)),
    start: (container_id) => this.#call("StartContainer", { container_id }),
    run: async (pod, command) => this.#say(await this.#run(pod, command)),
    /** A container from its beginning to its end, and what its log says. */
    try: async (pod, command) => {
      const id = await this.#run(pod, command);
      await this.#ended(id);
      await this.#logs(id);
      await Deno.remove((await this.#statusOf(id)).log_path);
      await this.#call("RemoveContainer", { container_id: id });
    },
    stop: (container_id) =>
      this.#call("StopContainer", {
        container_id,
        timeout: Number(this.#args.timeout ?? 0),
      }),
    rm: (container_id) => this.#call("RemoveContainer", { container_id }),
    ps: async () => {
      for (const one of (await this.#call("ListContainers")).containers) {
        this.#say(one.metadata.name, one.state);
      }
    },
    inspect: (id) => this.#inspect(id),
    wait: async (id) => {
      await this.#ended(id);
      await this.#inspect(id);
    },
    logs: (id) => this.#logs(id),
    reopen: (container_id) =>
      this.#call("ReopenContainerLog", { container_id }),
    exec: (id, command) => this.#exec(id, command),
    update: (container_id) =>
      this.#call("UpdateContainerResources", {
        container_id,
        linux: json(this.#args.resources),
      }),
    stats: async (container_id) => {
      const { cpu, memory } =
        (await this.#call("ContainerStats", { container_id })).stats;
      this.#say("cpu", cpu.usage_core_nano_seconds.value);
      this.#say("memory", memory.working_set_bytes.value);
    },
    clear: async () => {
      for (const { id } of (await this.#call("ListPodSandbox")).items) {
        await this.#call("StopPodSandbox", { pod_sandbox_id: id });
        await this.#call("RemovePodSandbox", { pod_sandbox_id: id });
      }
    },
  };
}

/** What an option's JSON says. */
const json = (text = "{}"): object => JSON.parse(text);
