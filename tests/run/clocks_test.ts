/** The clocks of a time namespace, and the personality. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { assertRefused } from "../_refused.ts";
import {
  copyRootfs,
  execute,
  Nobody,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";

const noTime = (() => {
  try {
    Deno.statSync("/proc/self/timens_offsets");
    return null;
  } catch {
    return "this kernel has no time namespaces";
  }
})();

const uptime = (text: string) => Number(text.split(" ")[0]);

testBoth(
  "--time-offset shifts the clocks in a namespace of their own",
  async (mode) => {
    const flags = ["--time-offset", "boottime=86400.25"];
    const { stdout, stderr } = await mode.run([
      ...[...flags, "--time-offset", "monotonic=-1.5", "sh", "-c"],
      "tr -s ' ' < /proc/self/timens_offsets; readlink /proc/self/ns/time; cat /proc/uptime",
    ]);
    const [monotonic, boottime, namespace, inside] = stdout.split("\n");
    assertEquals([monotonic, boottime, stderr], [
      "monotonic -2 500000000",
      "boottime 86400 250000000",
      "",
    ]);
    assert(namespace !== await Deno.readLink("/proc/self/ns/time"));
    const ahead = uptime(inside!) -
      uptime(await Deno.readTextFile("/proc/uptime"));
    assert(Math.abs(ahead - 86400) < 60, `${ahead}`);
  },
  { skip: noTime },
);

testBoth(
  "--time private without an offset has the host's clocks",
  async (mode) => {
    const { stdout } = await mode.run([
      ...["--time", "private", "sh", "-c"],
      "tr -s ' ' < /proc/self/timens_offsets; readlink /proc/self/ns/time",
    ]);
    const [monotonic, boottime, namespace] = stdout.split("\n");
    assertEquals([monotonic, boottime], ["monotonic 0 0", "boottime 0 0"]);
    assert(namespace !== await Deno.readLink("/proc/self/ns/time"));
  },
  { skip: noTime },
);

testBoth(
  "--time-offset works in a user namespace, for root and for ordinary users",
  async (mode) => {
    const read = [
      ...["--time-offset", "boottime=60", "sh", "-c"],
      "tr -s ' ' < /proc/self/timens_offsets | tail -n 1",
    ];
    await using dir = new TempDir();
    const rootfs = await copyRootfs(dir.path);
    await execute(["chown", "-R", "65534:65534", dir.path]);
    await using nobody = await Nobody.make();
    const user = await mode.run(["--rootfs", rootfs, ...read], nobody);
    assertEquals([user.stdout, user.stderr], ["boottime 60 0\n", ""]);
    const root = await mode.run(["--rootfs", rootfs, "--userns", ...read]);
    assertEquals([root.stdout, root.stderr], ["boottime 60 0\n", ""]);
  },
  { skip: noTime ?? without("setpriv") },
);

testBoth(
  "run refuses offsets that no clock can have, in one line",
  async (mode) => {
    const refuse = async (words: RegExp, status: number, ...flags: string[]) =>
      assertRefused(await mode.run([...flags, "true"]), status, words);
    await refuse(
      /boottime off by -9999999999.*ERANGE.*cannot be negative/,
      125,
      "--time-offset=boottime=-9999999999",
    );
    for (const value of ["realtime=1", "boottime", "boottime=soon", "1"]) {
      await refuse(
        /not CLOCK=SECONDS.*monotonic and boottime/,
        125,
        `--time-offset=${value}`,
      );
    }
    await refuse(
      /host means the host's clocks/,
      125,
      "--time=host",
      "--time-offset=boottime=1",
    );
    await refuse(
      /offsets of an existing time namespace cannot be changed/,
      125,
      "--time=path:/proc/self/ns/time",
      "--time-offset=boottime=1",
    );
  },
  { skip: noTime },
);

testBoth(
  "--personality linux32 makes uname -m report a 32-bit machine",
  async (mode) => {
    const machine = async (name: string) =>
      (await mode.run([`--personality=${name}`, "uname", "-m"])).stdout;
    assertEquals(await machine("linux32"), "i686\n");
    assertEquals(await machine("linux"), "x86_64\n");
    assertRefused(
      await mode.run(["--personality", "bsd", "true"]),
      125,
      /not one of linux and linux32/,
    );
  },
  { skip: Deno.build.arch === "x86_64" ? null : "x86_64 alone runs 32-bit" },
);
