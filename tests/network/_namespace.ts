/**
 * A network namespace of a test. It plays a container or another host.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { Netlink, type Subsystem } from "../../network/netlink/socket.ts";
import { execute } from "../_harness.ts";

/** A network namespace that a process keeps alive. */
export class NetworkNamespace implements AsyncDisposable {
  private constructor(
    readonly pid: number,
    readonly descriptor: Descriptor,
    private readonly holder: Deno.ChildProcess,
  ) {}

  /** Makes a namespace in which only loopback is up. */
  static async make(): Promise<NetworkNamespace> {
    const holder = new Deno.Command("unshare", {
      args: [
        "--net",
        "--kill-child",
        "sh",
        "-c",
        "ip link set lo up; echo; exec sleep 1000",
      ],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const { pid } = holder;
    return new NetworkNamespace(
      pid,
      open(`/proc/${pid}/ns/net`, O.O_RDONLY),
      holder,
    );
  }

  /** A netlink socket in it. */
  netlink(subsystem?: Subsystem): Netlink {
    return Netlink.within(this.descriptor, subsystem);
  }

  /** The words that run a command in it. */
  words(...command: string[]): string[] {
    return ["nsenter", "-t", String(this.pid), "-n", ...command];
  }

  /** Runs a command in it, which must succeed. */
  async does(...command: string[]): Promise<string> {
    const { status, stdout, stderr } = await execute(this.words(...command));
    assertEquals(status, 0, `${command.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Runs a command that prints JSON. */
  // deno-lint-ignore no-explicit-any
  async json(...command: string[]): Promise<any> {
    return JSON.parse(await this.does(...command));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.descriptor.close();
    this.holder.kill("SIGKILL");
    await this.holder.status;
  }
}
