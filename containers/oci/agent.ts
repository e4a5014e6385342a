/**
 * The seccomp agent that a filter asks (SCMP_ACT_NOTIFY). It receives the
 * filter's listener through linux.seccomp.listenerPath, with the container
 * process state of the runtime-spec. Runs on the host, in the command that
 * starts the process.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { sendDescriptor } from "../../ffi/unix_socket.ts";
import type { Facts } from "../../plan/facts.ts";
import { OCI_VERSION } from "../../spec/defaults.ts";
import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { connectTo } from "./console.ts";
import type { State } from "../store/status.ts";

/** A connection to an agent. */
export class Agent implements Disposable {
  readonly #socket: Descriptor;
  readonly #metadata: string;

  /**
   * Connects to the agent.
   *
   * @throws {SpecError} if the configuration names no agent, {ContainerError}
   * if nobody listens
   */
  constructor({ linux: { seccomp } }: Spec) {
    const { listenerPath, listenerMetadata = "" } = seccomp ?? {};
    if (!listenerPath) {
      throw new SpecError(
        "linux.seccomp.listenerPath: missing, but SCMP_ACT_NOTIFY requires an agent",
        { hint: "Set it to the agent's Unix socket, or use another action." },
      );
    }
    this.#socket = connectTo(listenerPath, "linux.seccomp.listenerPath");
    this.#metadata = listenerMetadata;
  }

  /** Sends a listener to the agent and closes it here. */
  take(listener: Descriptor, pid: number, state: State): void {
    using _sent = listener;
    sendDescriptor(
      this.#socket.fd,
      listener.fd,
      JSON.stringify({
        ociVersion: OCI_VERSION,
        fds: ["seccompFd"],
        pid,
        metadata: this.#metadata,
        state,
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/**
 * The agent that a process's filter asks; null if it asks none.
 *
 * @throws {SpecError} if the filter cannot be combined with the container's
 * hooks
 */
export function agentOf(
  spec: Spec,
  filter: Facts["seccomp"],
): Agent | null {
  if (!filter?.notifies) return null;
  if (spec.hooks?.startContainer?.length) {
    throw new SpecError(
      "hooks.startContainer cannot be used with SCMP_ACT_NOTIFY: no agent would answer the calls of the hooks",
      { hint: "Use hooks.createContainer, or another action." },
    );
  }
  return new Agent(spec);
}
