/**
 * PID 1 in both forms, with the same bytes: launch/child.ts from source, and
 * launch/native/pid_one.h in the compiled program. A command finds the same
 * surroundings, ends with the same status, and a failure has the same words.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { makeStaticElf } from "../../rootfs/_elf_fixture.ts";
import {
  CONTAINER,
  copyRootfs,
  execute,
  NO_STANDALONE,
  type Options,
  REPOSITORY,
  shellLine,
  TempDir,
  test,
  without,
} from "../_harness.ts";
import { Session } from "../_session.ts";
import { differences, noProbe, PROBE, read, readHost } from "../_ways.ts";

const SOURCE: readonly string[] = [
  ...[Deno.execPath(), "run", "-A", "--quiet"],
  `${REPOSITORY}/main.ts`,
];
const FORMS = [SOURCE, CONTAINER];
const skip = NO_STANDALONE ?? noProbe;

/** A root filesystem with the probe, and with commands that cannot be run. */
async function makeRootfs(dir: TempDir): Promise<string> {
  const root = await copyRootfs(dir.path);
  await Deno.copyFile(PROBE, `${root}/probe`);
  const write = async (
    name: string,
    content: string | Uint8Array,
    mode: number,
  ) => {
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    await Deno.writeFile(`${root}/${name}`, bytes);
    await Deno.chmod(`${root}/${name}`, mode);
  };
  await write("no-interpreter", "#!/no/such/interpreter -x\n", 0o755);
  await write("no-permission", "#!/bin/sh\n", 0o644);
  await write("text", "hello\n", 0o755);
  const elf = makeStaticElf();
  new DataView(elf.buffer).setUint16(
    18,
    Deno.build.arch === "x86_64" ? 183 : 62,
    true,
  );
  await write("other-machine", elf, 0o755);
  return root;
}

/**
 * Keys of PID 1's status that belong to Deno as a program, and those that
 * depend on the moment: the kernel unblocks the signals that a process waits
 * for.
 */
const DENO = /^(Name|SigCgt|SigIgn|SigBlk|State|untag_mask)$/;

/** A line for each fact about the command and PID 1. */
const REPORT =
  'sed "s/^/status of 1\\t/" /proc/1/status; for f in exe cwd root environ maps mem; do echo "of 1	$f $(ls /proc/1/$f 2>&1 | tr "\\n" " ")"; done; exec /probe';

/** Deno raises the soft limit on open files before our program begins. */
const OWN = /^Max open files$/;

/** The facts that a report contains, of the command and of PID 1. */
function factsIn(stdout: string): Map<string, string> {
  const lines = stdout.replaceAll("\r\n", "\n").split("\n");
  const ofOne = lines.filter((line) => line.startsWith("status of 1\t"));
  const facts = read(
    lines.filter((line) => !ofOne.includes(line)).join("\n"),
    readHost(),
  );
  for (const line of ofOne) {
    const [name = "", value = ""] = line.split("\t").slice(1).join("\t")
      .split(/:\s*(.*)/s);
    const isNoise = DENO.test(name) ||
      /^(Vm|Rss|Threads|FDSize|Tgid|Pid|PPid|NS|SigQ|Huge|.*ctxt)/.test(name);
    if (!isNoise) facts.set(`status of PID 1: ${name}`, value);
  }
  return facts;
}

const SURROUNDINGS: Record<string, [flags: string[], options?: Options]> = {
  "a variable and a working directory": [["-e", "A=b", "-w", "/tmp"]],
  "names": [["--hostname", "box", "--domainname", "example.org"]],
  "a user namespace": [["--userns"]],
  "limits": [["-m", "64m", "--pids-limit", "100"]],
  "a user namespace and limits": [["--userns", "-m", "64m"]],
  "another user": [[
    ...["-u", "nobody", "--group-add", "5", "--umask", "027"],
    ...["--ulimit", "nofile=100:200", "--nice", "3"],
  ]],
  "layers in memory": [["--ephemeral", "--tmpfs", "/x", "--read-only"]],
  "everything allowed": [["--privileged"]],
  "chroot": [["--chroot"]],
  "the host's network": [["--network", "host"]],
  "a mount": [["-v", "/etc:/mnt:ro"]],
  "mapped ids of a mount": [["-v", "/usr:/mnt:ro,idmap=uids=0-1-1;gids=0-1-1"]],
  "clocks": [["--time-offset", "boottime=5"]],
  "no capabilities": [["--cap-drop", "ALL", "--seccomp", "unconfined"]],
  "Landlock": [["--landlock", "ro=/,rw=/dev,exec=/"]],
  "kept descriptors": [["--preserve-fd", "2"], {
    before: ["sh", "-c", 'exec "$@" 3</etc/passwd 4</etc/group', "sh"],
  }],
  "files as streams": [["-i"], {
    before: ["sh", "-c", 'exec "$@" </etc/passwd 2>/dev/null', "sh"],
  }],
};

for (const [what, [flags, options = {}]] of Object.entries(SURROUNDINGS)) {
  test(`both forms of PID 1 give the same surroundings: ${what}`, async () => {
    await using dir = new TempDir();
    const root = await makeRootfs(dir);
    const [source, native] = await Promise.all(FORMS.map((program) =>
      execute([
        ...options.before ?? [],
        ...[...program, "run", "-q", "--rootfs", root, ...flags],
        ...["sh", "-c", REPORT],
      ], options)
    ));
    assertEquals([native!.status, native!.stderr], [0, ""]);
    assertEquals([source!.status, source!.stderr], [0, ""]);
    const [one, other] = [factsIn(source!.stdout), factsIn(native!.stdout)];
    assertEquals(
      differences(one, other).filter(([key]) => !OWN.test(key)),
      [],
    );
  }, { skip });
}

test("both forms of PID 1 give the same surroundings: a terminal", async () => {
  await using dir = new TempDir();
  const root = await makeRootfs(dir);
  const [source, native] = await Promise.all(FORMS.map((program) => {
    const line = shellLine([
      ...[...program, "run", "-q", "-t", "--rootfs", root],
      ...["sh", "-c", REPORT],
    ]);
    return execute(["script", "-qec", line, "/dev/null"]);
  }));
  assertEquals([source!.status, native!.status], [0, 0]);
  const [one, other] = [factsIn(source!.stdout), factsIn(native!.stdout)];
  assertEquals(differences(one, other).filter(([key]) => !OWN.test(key)), []);
}, { skip: skip ?? without("script") });

/** Command lines, for their status and their words. */
const ENDS: readonly (readonly string[])[] = [
  ["echo", "a b", "c"],
  ["sh", "-c", "exit 7"],
  ["sh", "-c", "kill -KILL $$"],
  ["sh", "-c", "kill -TERM $$"],
  ["sh", "-c", "sleep 1000 & (exit 3) & exit 5"],
  ["sh", "-c", "(sleep 0.1; echo orphan) & sleep 0.3; ps | wc -l"],
  ["nosuch"],
  ["/nosuch"],
  ["/bin"],
  ["/no-interpreter"],
  ["/no-permission"],
  ["/text"],
  ["/other-machine"],
  ["-v", "ROOT:/mnt", "/mnt/no-interpreter"],
  ["-v", "ROOT:/mnt:noexec", "/mnt/bin/busybox"],
  ["--tmpfs", "/bin", "/bin/sh"],
  ["-w", "/nowhere", "true"],
  ["-w", "/etc/hosts", "true"],
  ["--userns", "-w", "/nowhere", "true"],
  ["--userns", "nosuch"],
  ["--sysctl", "net.no.such=1", "true"],
  ["--landlock", "ro=/nowhere", "true"],
  ["--landlock", "ro=/bin", "/nosuch"],
  ["-t", "nosuch"],
  ["-m", "64m", "nosuch"],
  ["-v", "/etc/hosts:/bin", "true"],
];

/** Without the numbers that differ between two processes. */
const comparable = (stderr: string) =>
  stderr.replace(/^(running \[.*\] as )\d{2,}$/gm, "$1PID");

for (const words of ENDS) {
  test(`both forms of PID 1 end the same: ${shellLine(words)}`, async () => {
    await using dir = new TempDir();
    const root = await makeRootfs(dir);
    const [source, native] = await Promise.all(FORMS.map((program) =>
      execute([
        ...[...program, "run", "--rootfs", root],
        ...words.map((word) => word.replace("ROOT", root)),
      ])
    ));
    assertEquals(
      [native!.status, native!.stdout, comparable(native!.stderr)],
      [source!.status, source!.stdout, comparable(source!.stderr)],
    );
  }, { skip });
}

/** What a command tells about the signals that it receives. */
const TELLS = ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"]
  .map((name) => `trap 'echo ${name}' ${name}`).join("; ");

test("both forms of PID 1 forward the same signals", async () => {
  const script = `${TELLS}; trap 'echo CONT' CONT
echo up; while :; do sleep 0.05; done`;
  const told = await Promise.all(FORMS.map(async (program) => {
    await using session = new Session([
      ...[...program, "run", "-q", "--rootfs", `${REPOSITORY}/fs`],
      ...["-u", "0", "sh", "-c", script],
    ]);
    await session.expect(/up\n/);
    const answers: string[] = [];
    for (
      const signal of [
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGQUIT",
        "SIGUSR1",
        "SIGUSR2",
        "SIGWINCH",
        "SIGCONT",
      ] as const
    ) {
      session.kill(signal);
      const [word] = await session.expect(/[A-Z0-9]+\n/);
      answers.push(word.trim());
    }
    session.kill("SIGKILL");
    return [answers, await session.end()];
  }));
  assertEquals(told[1], told[0]);
}, { skip });
