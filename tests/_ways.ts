/**
 * Starts one command, tests/_probe.c, in every possible way. The result is what
 * the probe reports about itself, by key, without values that differ between
 * any two processes.
 */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Bundle } from "./_bundle.ts";
import type { Config } from "./_config.ts";
import { Daily } from "./_daily.ts";
import {
  CONTAINER,
  copyRootfs,
  execute,
  NOBODY,
  Nobody,
  type Options,
  REPOSITORY,
  shellLine,
  TempDir,
  without,
} from "./_harness.ts";

const place = Deno.makeTempDirSync({ prefix: "container-test-ways-" });
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(place, { recursive: true }),
);
Deno.chmodSync(place, 0o755);
/** The compiled probe. */
export const PROBE = `${place}/probe`;

/** Why there is no probe, or null. */
export const noProbe: string | null = without("gcc") ?? without("setpriv") ??
  compile();

function compile(): string | null {
  const { success, stderr } = new Deno.Command("gcc", {
    args: ["-O1", "-static", "-o", PROBE, `${REPOSITORY}/tests/_probe.c`],
    stderr: "piped",
  }).outputSync();
  return success
    ? null
    : `gcc cannot compile the probe: ${new TextDecoder().decode(stderr)}`;
}

/** The values that the probe reports, by key. */
export type Told = Map<string, string>;

/**
 * The caller of a way: root or an ordinary user, either with the usual state or
 * with everything changed that a child inherits.
 */
export interface Starter {
  rootless: boolean;
  dirty: boolean;
}

/** A way to start the probe; returns its output. */
export type Way = (starting: Starting) => Promise<string>;

/** A root filesystem that contains the probe, and the user who runs it. */
export class Starting implements AsyncDisposable {
  readonly #dir = new TempDir();
  #nobody: Nobody | undefined;
  rootfs = "";

  private constructor(readonly starter: Starter) {}

  static async make(starter: Starter): Promise<Starting> {
    const starting = new Starting(starter);
    const { path } = starting.#dir;
    starting.rootfs = await copyRootfs(path);
    await Deno.copyFile(PROBE, `${starting.rootfs}/probe`);
    if (starter.rootless) {
      starting.#nobody = await Nobody.make({ packages: true });
      await execute(["chown", "-R", `${NOBODY}:${NOBODY}`, path]);
    }
    return starting;
  }

  /** The words before those of the program. */
  get before(): string[] {
    return [...this.#nobody?.before ?? [], ...this.#dirt];
  }

  get #dirt(): string[] {
    return this.starter.dirty ? [PROBE, "dirty"] : [];
  }

  get options(): Options {
    return { env: this.#nobody?.env };
  }

  /** Runs words until they end; returns their output. */
  async does(words: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await execute(
      [...this.before, ...words],
      this.options,
    );
    assertEquals([status, stderr], [0, ""], shellLine(words));
    return stdout;
  }

  run(...words: string[]): Promise<string> {
    return this.does(this.runWords(...words));
  }

  runWords(...words: string[]): string[] {
    return [...CONTAINER, "run", "-q", "--rootfs", this.rootfs, ...words];
  }

  /** Runs words on a terminal; returns their output. */
  async onTerminal(words: readonly string[]): Promise<string> {
    const line = shellLine([...this.#dirt, ...words]);
    const { status, stdout, stderr } = await execute([
      ...this.#nobody?.before ?? [],
      ...["script", "-qec", line, "/dev/null"],
    ], this.options);
    assertEquals([status, stderr], [0, ""], line);
    return stdout;
  }

  /**
   * Starts a container in the background; returns the output of one of its
   * commands.
   */
  async inBackground(
    command: readonly string[],
    then: (daily: Daily, root: string) => Promise<string>,
  ): Promise<string> {
    const daily = new Daily(
      { before: this.before, ...this.options },
      this.starter.rootless ? NOBODY : undefined,
    );
    try {
      const { status, stderr } = await daily.call(
        ...["run", "-d", "-q", "--name", "one", "--rootfs", this.rootfs],
        ...command,
      );
      assertEquals([status, stderr], [0, ""]);
      return await then(daily, daily.root);
    } finally {
      await daily[Symbol.asyncDispose]();
    }
  }

  /**
   * Makes a bundle whose process is the probe, or waits for it, and runs the
   * calls of a script.
   */
  async inBundle(
    args: string[],
    script: (container: string, path: string) => string,
  ): Promise<string> {
    await using bundle = await Bundle.make(args, (config) => {
      if (this.starter.rootless) forNobody(config);
    });
    const { path } = bundle.dir;
    await Deno.copyFile(PROBE, `${path}/rootfs/probe`);
    if (this.starter.rootless) {
      await execute(["chown", "-R", `${NOBODY}:${NOBODY}`, path]);
    }
    const container = shellLine([...CONTAINER, "--root", `${path}/state`]);
    // One pipe for everything: the container's output is part of the script's.
    return await this.does(["sh", "-ec", script(container, path)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dir[Symbol.asyncDispose]();
    await this.#nobody?.[Symbol.asyncDispose]();
  }
}

/**
 * Changes a config.json as `container spec --rootless` would write it for
 * nobody.
 */
function forNobody({ mounts, linux }: Config): void {
  const map = [{ containerID: 0, hostID: NOBODY, size: 1 }];
  const namespaces = linux.namespaces as { type: string }[];
  Object.assign(linux, {
    namespaces: [...namespaces, { type: "user" }],
    uidMappings: map,
    gidMappings: map,
    resources: undefined,
    cgroupsPath: undefined,
  });
  for (const mount of mounts) {
    mount.options = mount.options?.filter((option) => option !== "gid=5");
  }
}

const untilStopped = (container: string) =>
  `until ${container} state one | grep -q '"stopped"'; do sleep 0.02; done; ${container} delete one`;

/** Every way for root, by name. The others are compared with the first. */
export const WAYS: Readonly<Record<string, Way>> = {
  "with a flag": (s) => s.run("-u", "0", "/probe"),
  plain: (s) => s.run("/probe"),
  "with a flag, --no-init": (s) => s.run("--no-init", "-u", "0", "/probe"),
  "plain, --no-init": (s) => s.run("--no-init", "/probe"),
  "-t": (s) => s.onTerminal(s.runWords("-t", "/probe")),
  "-t --no-init": (s) => s.onTerminal(s.runWords("-t", "--no-init", "/probe")),
  library: (s) =>
    s.does([
      ...[Deno.execPath(), "run", "-A", "--quiet", "--no-check"],
      ...[`${REPOSITORY}/tests/_ways_main.ts`, s.rootfs],
    ]),
  "run -d": (s) =>
    s.inBackground(["/probe"], async (daily) => {
      await daily.is("one", "exited");
      return await daily.does("logs", "one");
    }),
  "exec into run -d": (s) =>
    s.inBackground(
      ["sleep", "1000"],
      (daily) => daily.does("exec", "one", "/probe"),
    ),
  "exec -t into run -d": (s) =>
    s.inBackground(
      ["sleep", "1000"],
      (daily) => s.onTerminal(daily.words("exec", "-t", "one", "/probe")),
    ),
  "create, start": (s) =>
    s.inBundle(
      ["/probe"],
      (container, path) =>
        `${container} create --bundle ${path} one </dev/null; ${container} start one; ${
          untilStopped(container)
        }`,
    ),
  "run --bundle": (s) =>
    s.inBundle(
      ["/probe"],
      (container, path) =>
        `exec ${container} run --bundle ${path} one </dev/null`,
    ),
  "exec into a bundle": (s) =>
    s.inBundle(
      ["sleep", "1000"],
      (container, path) =>
        `${container} create --bundle ${path} one </dev/null >/dev/null 2>&1; ${container} start one
      ${container} exec one /probe; ${container} delete --force one`,
    ),
};

/** Values that depend on the numbers and sizes of this process. */
const NOISE =
  /^(Tgid|Ngid|Pid|PPid|NS\w+|State|FDSize|Vm\w+|Rss\w+|HugetlbPages|SigQ|\w*voluntary_ctxt_switches|Threads)$/;

/** Parses the probe's output by key; `host` is what the host reports. */
export function read(output: string, host: Told): Told {
  const told: Told = new Map();
  const lines = output.replaceAll("\r\n", "\n").trimEnd().split("\n");
  assertEquals(lines.at(-1)?.trim(), "end", output);
  for (const line of lines) {
    const [section = "", value = ""] = line.split(/\t(.*)/s);
    for (const [key, text] of factsOf(section, value, host)) {
      const before = told.get(key);
      told.set(key, before === undefined ? text : `${before}\n${text}`);
    }
  }
  return told;
}

function factsOf(
  section: string,
  value: string,
  host: Told,
): [key: string, value: string][] {
  if (section === "status") {
    const [name = "", text = ""] = value.split(/:\s*(.*)/s);
    if (name === "Pid") return [["pid", text === "1" ? "1" : "another"]];
    return NOISE.test(name) ? [] : [[name, text.trim().replaceAll("\t", " ")]];
  }
  if (section === "limits") {
    const [name = "", ...rest] = value.trim().split(/\s{2,}/);
    return [[name, rest.join(" ")]];
  }
  if (section === "mountinfo") return [mountOf(value)];
  if (section === "namespace") {
    const [name = "", id = ""] = value.split(" ");
    return [[name, host.get(`raw ${name}`) === id ? "the host's" : "its own"], [
      `raw ${name}`,
      id,
    ]];
  }
  if (section === "descriptor" || section === "stream") {
    const [number = "", text = ""] = value.split(/ (.*)/s);
    return [[
      `${section} ${number}`,
      text.replace(/\b(pipe|socket):\[\d+\]/, "$1")
        .replace(/\/dev\/pts\/\d+/, "a terminal"),
    ]];
  }
  if (section === "environment") {
    const [name = "", text = ""] = value.split(/=(.*)/s);
    return [[`environment ${name}`, text]];
  }
  if (section === "process") {
    const [name = "", text = ""] = value.split(/ (-?\d+)$/s);
    return [[name, text]];
  }
  if (section === "end") return [];
  return [[section, value]];
}

/** A mount by its path, without the numbers of devices and of the mount tree. */
function mountOf(line: string): [key: string, value: string] {
  const [fields = "", source = ""] = line.split(" - ");
  const [, , , root = "", point = "", options = "", ...tags] = fields
    .split(" ");
  return [
    `mount ${point}`,
    [
      ...[root.replace(/^.*\/container-test-\S+/, "…"), options],
      ...tags.map((tag) => tag.replace(/:\d+/, "")),
      source,
    ].join(" "),
  ];
}

/** The namespaces of this process on the host. */
export function readHost(): Told {
  const { stdout } = new Deno.Command(PROBE).outputSync();
  return read(new TextDecoder().decode(stdout), new Map());
}

/** The keys in which two reports differ, in order, without raw numbers. */
export function differences(
  from: Told,
  to: Told,
): [key: string, value: string | null][] {
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((key) => !key.startsWith("raw ") && from.get(key) !== to.get(key))
    .sort()
    .map((key) => [key, to.get(key) ?? null]);
}
