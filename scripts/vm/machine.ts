/**
 * A virtual machine under qemu, with a Debian kernel. Nothing is installed for
 * it and nothing here is changed: the kernel lies in the cache, and what the
 * machine writes to its disk goes with it.
 *
 * @module
 */

// @ts-types="../../types/std_path.d.ts"
import { join } from "@std/path";
import { archive } from "./archive.ts";
import { encodeScript, initialEntries, readAnswer } from "./guest.ts";
import { output } from "./host.ts";
import { findKernel } from "./kernel.ts";

/**
 * Emulation works everywhere. Set to kvm it is faster, but not every machine
 * that has /dev/kvm can use it.
 */
const ACCELERATOR = Deno.env.get("CONTAINER_VM_ACCEL") || "tcg";

/** What qemu emulates slowly, and no test needs. */
const PROCESSOR = [
  "max",
  // Copies byte by byte.
  "-erms",
  // Each makes more of a switch to the kernel and back, or of a look at a page.
  ...["-smap", "-smep", "-pku", "-la57"],
].join(",");

const KERNEL_WORDS = [
  ...["console=ttyS0", "panic=-1", "loglevel=4", "random.trust_cpu=on"],
  // qemu keeps translated code by its address: a program that is where it was
  // is not translated again, which makes it start four times as fast.
  "norandmaps",
  // Nobody attacks it, and a jump through a thunk is one that qemu looks up.
  "mitigations=off",
  // A look at another clock leaves the emulated processor.
  ...["clocksource=tsc", "tsc=reliable"],
];

/** How long it may take to start, in milliseconds. */
const STARTING = 300_000;

/** What a machine is started with. */
export interface MachineOptions {
  /** An image that `makeDisk` has made; several machines may have one. */
  disk: string;
  /** Megabytes. */
  memory?: number;
  cpus?: number;
}

/** A command for a machine. */
export interface Command {
  /** Looked up in the guest's PATH, which has Deno and busybox. */
  words: readonly string[];
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Milliseconds until the machine is turned off. */
  timeout: number;
  /** Called with the output as it comes. */
  onOutput?: (text: string) => void;
}

/** How a command went. */
export interface Ended {
  /** Null when the machine did not come to its end: it is off then. */
  code: number | null;
  output: string;
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** A machine that runs, as root, what it is told. */
export class Machine implements AsyncDisposable {
  readonly #qemu: Deno.ChildProcess;
  readonly #scratch: string;
  readonly #errors: Promise<string>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(qemu: Deno.ChildProcess, scratch: string) {
    this.#qemu = qemu;
    this.#scratch = scratch;
    this.#errors = new Response(qemu.stderr).text();
    this.#reader = qemu.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#writer = qemu.stdin.getWriter();
  }

  /** Boots one, until it listens. */
  static async start(
    { disk, memory = 1536, cpus = 2 }: MachineOptions,
  ): Promise<Machine> {
    await requireQemu();
    const kernel = await findKernel();
    const scratch = await Deno.makeTempDir({ prefix: "container-vm-" });
    const initramfs = join(scratch, "initramfs");
    await Deno.writeFile(initramfs, await archive(await initialEntries()));
    const qemu = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...["-accel", ACCELERATOR, "-cpu", PROCESSOR],
        ...["-m", String(memory), "-smp", String(cpus)],
        ...["-kernel", kernel.image, "-initrd", initramfs],
        ...["-append", KERNEL_WORDS.join(" ")],
        "-drive",
        `file=${disk},format=raw,if=virtio,snapshot=on,cache=unsafe`,
        ...["-serial", `file:${join(scratch, "console")}`, "-serial", "stdio"],
        ...["-display", "none", "-monitor", "none", "-nic", "none"],
        "-no-reboot",
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const machine = new Machine(qemu, scratch);
    const { code } = await machine.#answer(STARTING);
    if (code !== null) return machine;
    await using _off = machine;
    throw new Error(
      `The virtual machine does not start. Its console:\n${await machine
        .console()}`,
    );
  }

  /** Runs a command to its end. */
  async run(
    { words, cwd = "/", env = {}, timeout, onOutput }: Command,
  ): Promise<Ended> {
    const script = [
      `cd ${quote(cwd)} || exit`,
      ...Object.entries(env).map(([name, value]) =>
        `export ${name}=${quote(value)}`
      ),
      `exec ${words.map(quote).join(" ")}`,
    ];
    await this.#writer.write(encodeScript(script.join("\n")));
    return await this.#answer(timeout, onOutput);
  }

  async #answer(
    timeout: number,
    onOutput: (text: string) => void = () => {},
  ): Promise<Ended> {
    const timer = setTimeout(() => this.#qemu.kill("SIGKILL"), timeout);
    let text = "";
    let shown = 0;
    try {
      for (;;) {
        const { value = "", done } = await this.#reader.read();
        text += value;
        const { output, code } = readAnswer(text);
        onOutput(output.slice(shown));
        shown = output.length;
        if (code !== undefined || done) return { code: code ?? null, output };
      }
    } finally {
      clearTimeout(timer);
    }
  }

  cpu(): number {
    try {
      const f = Deno.readTextFileSync(`/proc/${this.#qemu.pid}/stat`).split(
        ") ",
      )[1]!.split(" ");
      return (Number(f[11]) + Number(f[12])) / 100;
    } catch {
      return NaN;
    }
  }
  /** The end of what its kernel and qemu said, once it is off. */
  async console(): Promise<string> {
    const path = join(this.#scratch, "console");
    const log = await Deno.readTextFile(path).catch(() => "");
    return await this.#errors + log.slice(-4000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#qemu.kill("SIGKILL");
    } catch {
      // It is off.
    }
    await this.#writer.abort().catch(() => {});
    await this.#reader.cancel();
    await Promise.all([this.#errors, this.#qemu.status]);
    await Deno.remove(this.#scratch, { recursive: true });
  }
}

async function requireQemu(): Promise<void> {
  if (Deno.build.arch !== "x86_64") {
    throw new Error(
      "Cannot start a virtual machine: only x86_64 is set up for it",
    );
  }
  try {
    await output("qemu-system-x86_64", ["--version"]);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      "Cannot start a virtual machine: qemu-system-x86_64 is missing (Debian: apt-get install qemu-system-x86 busybox-static e2fsprogs)",
      { cause },
    );
  }
}
