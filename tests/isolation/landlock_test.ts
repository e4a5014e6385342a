/** `--landlock` closes everything that no rule names, for root and for users. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { landlockVersion } from "../../ffi/probe.ts";
import { assertRefused } from "../_refused.ts";
import {
  container,
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  rootfs,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";

const version = landlockVersion();
const since = (least: number) =>
  typeof version === "number" && version >= least
    ? null
    : `this kernel's Landlock is ${version}`;

/** The lines of a script that succeed in a container with these rules. */
async function allowed(
  mode: Mode,
  rules: readonly string[],
  tries: Record<string, string>,
  ...flags: string[]
): Promise<string[]> {
  const script = Object.entries(tries).map(([name, line]) =>
    `{ ${line}; } >/dev/null 2>&1 && echo ${name}`
  );
  const { stdout } = await mode.run([
    ...["--ephemeral", ...flags, "--landlock", "rw=/dev/null"],
    ...rules.flatMap((rule) => ["--landlock", rule]),
    ...["sh", "-c", `${script.join("\n")}\ntrue`],
  ]);
  return stdout.trim().split("\n").filter((line) => line);
}

const FILES = {
  read: "cat /etc/passwd",
  list: "ls /etc",
  write: "echo x >> /etc/passwd",
  make: "touch /root/made",
  remove: "rm /etc/group",
  tmp: "echo x > /tmp/x && mkdir /tmp/d && mv /tmp/x /tmp/d/ && rm -r /tmp/d",
};

testBoth(
  "--landlock ro, rw and exec allow exactly what they name",
  async (mode) => {
    const of = (...rules: string[]) => allowed(mode, rules, FILES);
    assertEquals(await of("ro=/", "rw=/tmp"), ["read", "list", "tmp"]);
    assertEquals(await of("ro=/,rw=/tmp"), ["read", "list", "tmp"]);
    assertEquals(await of("rw=/"), Object.keys(FILES));
    assertEquals(await of("exec=/bin", "ro=/etc/passwd"), ["read"]);
    assertEquals(await of("exec=/bin"), []);
  },
  { skip: since(1) },
);

testBoth("--landlock exec= allows only what it names", async (mode) => {
  const tries = {
    bin: "cat /dev/null",
    tmp: "cp /bin/cat /tmp/cat; /tmp/cat /dev/null",
  };
  assertEquals(await allowed(mode, ["ro=/", "rw=/tmp"], tries), ["bin", "tmp"]);
  assertEquals(
    await allowed(mode, ["ro=/", "rw=/tmp", "exec=/bin"], tries),
    ["bin"],
  );
  assertRefused(
    await mode.run(["--landlock", "ro=/,exec=/tmp", "true"]),
    126,
    /Cannot run \/bin\/true: permission denied.*the --landlock rules/,
  );
}, { skip: since(1) });

testBoth("--landlock allows only the TCP ports that it names", async (mode) => {
  // Nothing listens: "refused" means reached, "permission denied" does not.
  const tries = {
    port80: "nc -w 1 127.0.0.1 80 </dev/null 2>&1 | grep -q refused",
    port81: "nc -w 1 127.0.0.1 81 </dev/null 2>&1 | grep -q refused",
    bind82: "timeout 1 nc -l -p 82; [ $? != 1 ]",
  };
  const of = (...rules: string[]) => allowed(mode, ["ro=/", ...rules], tries);
  assertEquals(await of(), []);
  assertEquals(await of("connect=80"), ["port80"]);
  assertEquals(await of("connect=any"), ["port80", "port81"]);
  assertEquals(await of("connect=81,bind=82"), ["port81", "bind82"]);
}, { skip: since(4) });

testBoth(
  "--landlock works for an ordinary user, and holds against root inside",
  async (mode) => {
    await using dir = new TempDir();
    await using nobody = await Nobody.make();
    const path = await copyRootfs(dir.path);
    await execute(["chown", "-R", "65534:65534", dir.path]);
    const { stdout } = await mode.run([
      ...["--rootfs", path, "--landlock", "ro=/,rw=/dev", "sh", "-c"],
      "id -u; cat /etc/hostname; touch /tmp/x 2>/dev/null || echo closed",
    ], nobody);
    assertEquals(stdout, "0\ncontainer\nclosed\n");
    const privileged = await mode.run([
      ...["--ephemeral", "--privileged", "--landlock", "ro=/,rw=/dev", "sh"],
      ...["-c", "touch /tmp/x 2>/dev/null || echo closed"],
    ]);
    assertEquals(privileged.stdout, "closed\n");
  },
  { skip: since(1) ?? without("setpriv") },
);

testBoth("explain shows the rules of --landlock", async (mode) => {
  const { stdout, status } = await container([
    ...["explain", "--all", "run", ...mode.flags, "--rootfs", rootfs()],
    ...["--landlock", "ro=/,rw=/tmp,connect=443", "true"],
  ]);
  assertEquals(status, 0);
  assertMatch(stdout, /allow ro below \/$/m);
  assertMatch(stdout, /allow rw below \/tmp \(same as \d+\)$/m);
  assertMatch(stdout, /apply the Landlock rules$/m);
  if (!since(4)) assertMatch(stdout, /allow CONNECT_TCP to port 443$/m);
}, { skip: since(1) });

for (
  const [errno, words] of [
    ["ENOSYS", /this kernel does not support it.*5\.13/],
    ["EOPNOTSUPP", /it is built into this kernel, but disabled.*lsm=/],
  ] as const
) {
  testBoth(
    `--landlock on a kernel whose Landlock answers ${errno} is refused in one line`,
    async (mode) => {
      const inject = `inject=landlock_create_ruleset:error=${errno}`;
      assertRefused(
        await mode.run(["--landlock", "ro=/", "true"], {
          before: ["strace", "-f", "-o", "/dev/null", "-e", inject],
        }),
        125,
        words,
      );
    },
    { skip: without("strace") },
  );
}

testBoth("--landlock refuses meaningless rules in one line", async (mode) => {
  const refuse = async (status: number, words: RegExp, ...flags: string[]) =>
    assertRefused(await mode.run([...flags, "true"]), status, words);
  await refuse(125, /not one of ro=PATH, rw=PATH/, "--landlock=read=/");
  await refuse(125, /not one of ro=PATH/, "--landlock=/tmp");
  await refuse(125, /tmp is not absolute/, "--landlock=ro=tmp");
  await refuse(125, /soon is not a port/, "--landlock=ro=/,connect=soon");
  await refuse(
    125,
    /without a path rule, no program.*ro=\//,
    "--landlock=connect=80",
  );
  await refuse(
    125,
    /without no_new_privs needs CAP_SYS_ADMIN/,
    "--landlock=ro=/",
    "--no-new-privs=false",
  );
  await refuse(
    125,
    /Cannot allow ro below \/nosuch: .*ENOENT.*Correct the path/,
    "--landlock=ro=/,ro=/nosuch",
  );
}, { skip: since(1) });
