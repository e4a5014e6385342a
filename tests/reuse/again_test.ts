/**
 * A command line that is run again: its plan is reused without starting Deno,
 * and nothing visible differs.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  copyRootfs,
  execute,
  NOBODY,
  Nobody,
  rootfs,
  TempDir,
  test,
} from "../_harness.ts";
import { MODES, program, skip, toFiles } from "../_plain.ts";
import { Line, plans, plansDirectory } from "./_line.ts";
import { Session } from "../_session.ts";
import { namesIn } from "../_undo_files.ts";

const LOOK = [
  "id; env | sort; pwd; umask; hostname; ulimit -n",
  "cat /etc/hosts /etc/resolv.conf /etc/hostname 2>&1",
  "grep -E '^(Cap|NoNew|Seccomp|Groups|Uid|Gid|Shd|Sig[BIC])' /proc/self/status",
  "cut -d' ' -f4- /proc/self/mountinfo | sed 's/[a-z]*:[0-9]* //'",
  "cat /proc/self/limits /proc/self/uid_map /proc/self/gid_map /proc/net/dev",
  "cat /proc/self/cgroup /proc/self/oom_score_adj; nice",
  "tr '\\0' ' ' < /proc/1/cmdline; tr '\\0' ' ' < /proc/1/environ",
  "ls -ld /dev/* /proc/self/fd/* /data /made 2>&1 | sed 's/[A-Z][a-z][a-z] .[0-9] ..:..//'",
  "touch /tmp/x /data/x 2>&1; rm -f /tmp/x /data/x",
].join("; ");

/** Without what differs between any two runs. */
const settled = ({ status, stdout, stderr }: {
  status: number;
  stdout: string;
  stderr: string;
}) => ({
  status,
  stdout: stdout.replaceAll(/(pipe|mnt|cgroup|\w+):\[\d+\]/g, "$1")
    // The network namespace of the host has traffic.
    .replaceAll(/^ *(eth|lo|en|docker|veth)\w*:.*$/gm, "$1"),
  stderr,
});

test("reused plan: the command finds the same as with Deno", async () => {
  await using dir = new TempDir();
  const root = await copyRootfs(dir.path);
  const data = `${await Deno.realPath(dir.path)}/data`;
  await Deno.mkdir(data);
  await Deno.mkdir(`${root}/data`, { recursive: true });
  await Deno.writeTextFile(`${dir.path}/env`, "FROM_FILE=x\n");
  await Deno.writeTextFile(
    `${root}/etc/passwd`,
    "root:x:0:0::/:/bin/sh\nme:x:1000:1000::/home:/bin/sh\n",
  );
  for (
    const flags of [
      ["-u", "me"],
      [
        "-u",
        "1000:5",
        "--group-add",
        "7",
        "--cap-add",
        "NET_ADMIN",
        "-w",
        "/tmp",
      ],
      ["--cap-drop", "ALL", "--ulimit", "nofile=99:100", "--nice", "3"],
      ["-h", "other", "--network", "host", "--add-host", "a:1.2.3.4"],
      ["-v", `${data}:/data:ro`, "-v", "/usr:/made", "--tmpfs", "/tmp"],
      ["--mount", `type=bind,source=${data},target=/data`, "--read-only"],
      ["--privileged", "--dns", "1.1.1.1", "--umask", "077"],
      ["--security-opt", "seccomp=unconfined", "--env-file", `${dir.path}/env`],
      ["--userns", "--uidmap", "0:100000:2000", "--gidmap", "0:100000:2000"],
      ["--ephemeral", "--uts", "host", "--ipc", "host", "-e", "HOME"],
    ]
  ) {
    for (const mode of flags[0] === "-u" ? MODES : MODES.slice(0, 1)) {
      const line = new Line(root, [...mode, ...flags], ["sh", "-c", LOOK]);
      await line.run();
      const fresh = await line.fresh();
      await line.keep();
      assertEquals(settled(await line.run()), settled(fresh), flags.join(" "));
      assertEquals(fresh.status, 0, fresh.stderr);
    }
  }
}, { skip });

test(
  "reused plan: streams, statuses and announcements are the same",
  async () => {
    const root = rootfs();
    await using dir = new TempDir();
    await Deno.writeTextFile(`${dir.path}/in`, "words\n");
    const flags = ["-u", "0"];
    for (const mode of MODES) {
      for (
        const [command, options] of [
          [["sh", "-c", "cat; echo e >&2; exit 3"], { stdin: "some\n" }],
          [["sh", "-c", "kill -USR1 $$; exec true"], {}],
          [["cat"], { before: toFiles(dir, '< "$0"/in > "$0"/out 2>&1') }],
        ] as const
      ) {
        const line = new Line(root, [...mode, ...flags], command, options);
        const fresh = await line.fresh();
        await line.keep();
        assertEquals(settled(await line.run()), settled(fresh));
      }
      assertEquals(await Deno.readTextFile(`${dir.path}/out`), "words\n");
      const aloud = [program, "run", ...mode, "--rootfs", root, ...flags];
      const said = [];
      for (const reuse of ["0", "1", "1", "1"]) {
        const { stderr } = await execute([...aloud, "echo", "a", ""], {
          env: { CONTAINER_REUSE: reuse },
        });
        said.push(stderr.replaceAll(/( as )(?!1\n)\d+\n/g, "$1PID\n"));
      }
      assertMatch(said[0]!, /^running \[echo a \] as PID\n/);
      assertEquals(new Set(said).size, 1, said.join(""));
    }
  },
  { skip },
);

test("reused plan: a user without rights has plans of his own", async () => {
  await using user = await Nobody.make();
  await using dir = new TempDir();
  // Nobody else's: only its owner may make mountpoints in it.
  const root = await copyRootfs(dir.path);
  await execute(["chown", "-hR", String(NOBODY), root]);
  const before = plans();
  const line = new Line(root, ["-h", "other"], ["sh", "-c", LOOK], {
    before: user.before,
    env: { ...user.env, XDG_RUNTIME_DIR: user.env.HOME! },
  });
  const fresh = await line.fresh();
  await line.keep();
  assertEquals(settled(await line.run()), settled(fresh));
  assertMatch(fresh.stdout, /^uid=0/);
  assertEquals(plans(), before);
  // Root runs the same words, and does not look there.
  const { HOME = "" } = user.env;
  const env = { HOME, XDG_RUNTIME_DIR: HOME };
  assertEquals(namesIn(`${HOME}/container/plans`).length, 1);
  assertEquals(await line.startsDeno({ before: [], env }), true);
  // Nothing is kept on a disk.
  await line.run({ env: { ...user.env, XDG_RUNTIME_DIR: "" } });
  assertEquals(namesIn(`${HOME}/.local/state/container/plans`), []);
}, { skip });

test("reused plan: signals reach the command", async () => {
  const line = new Line(rootfs(), ["-u", "0"], [
    "sh",
    "-c",
    "trap 'echo got; exit 7' TERM; echo up; while :; do sleep 0.05; done",
  ]);
  for (let round = 0; round < 3; round++) {
    await using session = new Session([
      "env",
      "CONTAINER_REUSE=1",
      ...line.words,
    ]);
    await session.expect(/up\n/);
    session.kill("SIGTERM");
    await session.expect(/got\n/);
    assertEquals(await session.end(), 7);
  }
}, { skip });

test("reused plan: writers at the same time leave one whole plan", async () => {
  const line = new Line(rootfs(), ["-u", "0", "-h", "many"], ["hostname"]);
  const before = plans().length;
  const found = await Promise.all(
    Array.from({ length: 6 }, () => line.run()),
  );
  assertEquals(found.map(({ stdout }) => stdout), Array(6).fill("many\n"));
  assertEquals(await line.startsDeno(), false);
  assertEquals(plans().length, before + 1);
}, { skip });

test("reused plan: nothing is kept on a full disk", async () => {
  const line = new Line(rootfs(), ["-u", "0", "-h", "full"], ["hostname"]);
  const other = new Line(rootfs(), ["-u", "0", "-h", "first"], ["hostname"]);
  await other.run();
  const directory = plansDirectory();
  await execute([
    ...["mount", "-t", "tmpfs", "-o", "size=8k,mode=700", "none", directory],
  ]);
  try {
    for (let round = 0; round < 2; round++) {
      const { status, stdout, stderr } = await line.run();
      assertEquals([status, stdout, stderr], [0, "full\n", ""]);
      assertEquals(plans(), []);
    }
    await execute(["mount", "-o", "remount,ro", directory]);
    assertEquals((await line.run()).stdout, "full\n");
  } finally {
    await execute(["umount", directory]);
  }
}, { skip });
