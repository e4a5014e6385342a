/** A plan is plain data: written as JSON and parsed again, it runs the same. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { bundled } from "../_bundled.ts";
import {
  CONTAINER,
  execute,
  rootfs,
  shellLine,
  TempDir,
  testBoth,
} from "../_harness.ts";

/** The program as always, and the one that parses its plan. */
const PROGRAMS = [
  [...CONTAINER, "run", "-q"],
  [...await bundled("run/_parsed_main.ts"), "-q"],
];

/** What a container shows of itself, without numbers that always differ. */
const SHOW =
  `id; hostname; pwd; env | sort; ulimit -a; ls -l /dev /data | sed 's/ [0-9][0-9]:[0-9][0-9] / /'
cut -d' ' -f4- /proc/self/mountinfo | sed 's/:[0-9]*//g; s/container-test-[^ /]*//g'
grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|Uid)' /proc/self/status
cat /proc/self/timens_offsets 2>/dev/null; echo no >&2; exit 7`;

const FLAGS: Readonly<Record<string, (dir: string) => string[]>> = {
  "without a flag": () => [],
  "with an environment, names and a directory": () => [
    ...["-e", "A=b", "--hostname", "h", "--domainname", "d", "-w", "/tmp"],
  ],
  "with mounts and a user": (dir) => [
    ...["-v", `${dir}:/data:ro`, "--tmpfs", "/scratch", "-u", "5:6"],
  ],
  "with limits of which one has more than 53 bits": () => [
    ...["--ulimit", "nofile=64:128"],
    ...["--ulimit", "as=9223372036854775805:9223372036854775806"],
  ],
  "with a cgroup": () => ["-m", "64m"],
  "with a user namespace and changes in memory": () => [
    ...["--ephemeral", "--uidmap", "0:0:65536", "--gidmap", "0:0:65536"],
  ],
  "with Landlock": () => ["--landlock", "ro=/", "--landlock", "rw=/dev"],
  "with a command that is missing": () => ["--", "/missing"],
};

for (const [name, flags] of Object.entries(FLAGS)) {
  testBoth(`run from a parsed plan does the same: ${name}`, async (mode) => {
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/file`, "");
    const words = [...mode.flags, "--rootfs", rootfs(), ...flags(dir.path)];
    if (!words.includes("--")) words.push("sh", "-c", SHOW);
    const [plain, parsed] = await Promise.all(
      PROGRAMS.map((program) => execute([...program, ...words])),
    );
    assertEquals(parsed, plain, shellLine(words));
    assertEquals(plain!.status, words.includes("--") ? 127 : 7, plain!.stderr);
  });
}
