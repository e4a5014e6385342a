/** `exec` gives no more rights than the container's own command has. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { landlockVersion } from "../../ffi/probe.ts";
import { Daily } from "../_daily.ts";
import { container, rootfs, test } from "../_harness.ts";

const SLEEP = ["sleep", "1000"];
const STATUS = [
  "grep",
  "-E",
  "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)",
  "/proc/self/status",
];
const UNSHARE = ["sh", "-c", "unshare -U true 2>/dev/null || echo refused"];

for (
  const flags of [
    [],
    ["--seccomp", "unconfined"],
    ["--privileged"],
    ["--cap-add", "SYS_ADMIN"],
    ["--user", "1000:1000", "--group-add", "7"],
    ["--no-new-privs=false"],
  ]
) {
  test(`exec has the rights of the container: ${flags.join(" ") || "default"}`, async () => {
    await using daily = new Daily();
    await daily.run("--name", "one", ...flags, ...SLEEP);
    for (const probe of [STATUS, UNSHARE]) {
      const own = await container(
        ["run", "-q", "--rootfs", rootfs(), ...flags, ...probe],
      );
      const joined = await daily.call("exec", "one", ...probe);
      assertEquals([joined.status, joined.stderr], [0, ""]);
      assertEquals(joined.stdout, own.stdout);
    }
  });
}

test("exec uses the profile of run --seccomp FILE", async () => {
  await using daily = new Daily();
  const profile = `${daily.dir.path}/profile.json`;
  await Deno.writeTextFile(
    profile,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
    }),
  );
  await daily.run("--name", "one", "--seccomp", profile, ...SLEEP);
  const { status } = await daily.call("exec", "one", "mkdir", "/dev/new");
  assertEquals(status, 1);
});

test("exec uses the Landlock rules of run --landlock", async () => {
  await using daily = new Daily();
  const rules = ["--landlock", "ro=/bin", "--landlock", "rw=/dev"];
  await daily.run("--name", "one", ...rules, ...SLEEP);
  const joined = await daily.call("exec", "one", "cat", "/etc/passwd");
  assertEquals([joined.status, joined.stdout], [1, ""]);
  assertEquals((await daily.call("exec", "one", "true")).status, 0);
}, { skip: typeof landlockVersion() === "string" ? "no Landlock here" : null });
