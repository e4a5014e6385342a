/**
 * The attacks of tests/escape/ by a command that joins a living sandbox, with
 * and without sudo, as root and as an ordinary user; and attacks on the
 * other processes of the sandbox, which belong to this program.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { Sandbox } from "../../mod.ts";
import { ATTACKER, noAttacker, parseAttempts } from "../_attack.ts";
import { copyRootfs, TempDir, without } from "../_harness.ts";
import { asUser, test } from "./_sandbox.ts";

const skip = noAttacker;
const REFUSED = ["EPERM", "ENOSYS"];

const plant = (rootfs: string) =>
  Deno.copyFile(ATTACKER, `${rootfs}/bin/attack`);

const notIn = (expected: readonly string[], attempts: [string, string][]) =>
  attempts.filter(([, result]) => !expected.includes(result));

/** What a command must not reach in the first process, and in other ways. */
const PROBES = [
  // The first process is closed, also to a command of the same user.
  "for file in environ mem maps exe root cwd fd/0 fd ns/mnt stack; do cat /proc/1/$file >/dev/null 2>&1 && echo open $file; readlink /proc/1/$file; done",
  "ls /proc/1/root/; for fd in /proc/1/fd/* /proc/1/map_files/*; do readlink $fd; done",
  "kill -9 1; kill -STOP 1",
  // No process of the host, and no descriptor of it.
  "test $(ls -d /proc/[0-9]* | wc -l) -lt 6 || ps",
  "for fd in /proc/self/fd/*; do case $(readlink $fd) in pipe:*|/dev/null|/proc/*|'') ;; *) echo leaked $(readlink $fd);; esac; done",
  "cat /proc/self/cgroup | grep -v ':/$' ",
  "env | grep -v -E '^(HOME|PATH|HOSTNAME|PWD|SHLVL|OLDPWD|_)='",
];

async function attackAll(sandbox: Sandbox, sudo: boolean): Promise<void> {
  const attack = async (...words: string[]) =>
    parseAttempts(await sandbox.sh`attack ${words}`.sudo(sudo).text());
  const attempts = await attack("syscalls");
  assert(attempts.length > 45, String(attempts.length));
  assertEquals(notIn(REFUSED, attempts), []);
  assertEquals(notIn(REFUSED, await attack("x32")), []);
  const interfaces = await sandbox.sh`attack interfaces`.sudo(sudo).noThrow()
    .stdout("piped").stderr("null");
  assertEquals(
    interfaces.stdoutText!.split("\n").filter((line) =>
      /^interface (?!lo)/.test(line)
    ),
    [],
  );
  assertEquals(
    await sandbox.sh`sh -c ${PROBES.join("\n")}`.sudo(sudo).stderr("null")
      .noThrow().text(),
    "",
  );
}

for (const sudo of [false, true]) {
  const who = sudo ? "sudo" : "a command";
  test(
    `${who} cannot escape, on a root filesystem and on the host's tree`,
    async () => {
      await using dir = new TempDir();
      const rootfs = await copyRootfs(dir.path);
      await plant(rootfs);
      {
        await using sandbox = await Sandbox.create({ rootfs });
        await attackAll(sandbox, sudo);
      }
      await using sandbox = await Sandbox.create({
        mounts: [{
          destination: "/mnt",
          type: "bind",
          source: `${rootfs}/bin`,
          options: ["bind", "ro"],
        }],
        env: { PATH: "/mnt" },
      });
      await attackAll(sandbox, sudo);
    },
    { skip },
  );

  test(`${who} cannot escape from a user's sandbox`, async () => {
    const stdout = await asUser(
      `
      await using sandbox = await create();
      const run = (command) => sandbox.sh\`sh -c \${command}\`.sudo(${sudo}).stderr("null").noThrow().text();
      console.log(JSON.stringify([await run("attack syscalls"), await run("attack x32"), await run(${
        JSON.stringify(PROBES.join("\n"))
      })]));`,
      plant,
    );
    const [calls, x32, probes] = JSON.parse(stdout);
    assertEquals(notIn(REFUSED, parseAttempts(calls)), []);
    assertEquals(notIn(REFUSED, parseAttempts(x32)), []);
    assertEquals(probes, "");
  }, { skip: skip ?? without("setpriv") });
}

test("a joining process is closed to the commands inside", async () => {
  await using dir = new TempDir();
  const rootfs = await copyRootfs(dir.path);
  await using sandbox = await Sandbox.create({ rootfs });
  // Looks at every process that appears, until it is told to stop.
  const spy = await sandbox.spawn("sh", {
    args: [
      "-c",
      "echo ready; until test -e /tmp/stop; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in *memfd*|*walker*|*deno*|*container*) echo seen $(readlink $p/exe);; esac; for f in $p/fd/*; do case $(readlink $f) in pipe:*|socket:*|/dev/null|/proc/*|/tmp/*|'') ;; /*) test -e \"$f\" && echo file $(readlink $f);; *) echo other $(readlink $f);; esac; done; done; done",
    ],
    sudo: true,
    stdout: "piped",
    stderr: "null",
  });
  for (let index = 0; index < 50; index++) await sandbox.sh`true`;
  await sandbox.sh`touch /tmp/stop`;
  const { stdoutText } = await spy.output();
  assertEquals(
    [...new Set(stdoutText!.split("\n"))].filter((line) =>
      !/^(ready|)$|^file \/bin\//.test(line)
    ),
    [],
  );
});
