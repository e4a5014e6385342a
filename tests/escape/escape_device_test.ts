/**
 * Devices. Root inside has CAP_MKNOD, as docker's has: a node of the host's
 * disk can be made, and an image can bring one. It opens nothing. Nor can the
 * modes of what the host lends be changed.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { Disk, EVERYONE, noAttacker, noDisk, Target } from "../_attack.ts";
import { execute, test } from "../_harness.ts";

const WAYS: readonly (readonly string[])[] = [
  [],
  ["--ephemeral"],
  ["--tmpfs", "/tmp:exec"],
  ["--userns"],
  ["--chroot"],
  ["-v", "/tmp:/tmp"],
];

/** Where a node can be put. */
const PLACES = ["/node", "/tmp/node", "/dev/node", "/dev/shm/node"];

for (const { name, flags, rootless, skip } of EVERYONE) {
  const make = (prepare?: (rootfs: string) => void | Promise<void>) =>
    Target.make({ flags, rootless, prepare });
  const attack = (what: string, fn: () => Promise<void>) =>
    test(`${what} (${name})`, fn, { skip: skip ?? noAttacker });

  attack("a device node made inside opens nothing", async () => {
    for (const way of rootless ? [[]] : WAYS) {
      await using target = await make();
      // A device that everybody may open where the file system allows it.
      const attempts = await target.attack(
        ["device", "c", "1", "5", ...PLACES],
        way,
      );
      assertEquals(attempts.length, 3 * PLACES.length);
      for (const [what, result] of attempts) {
        if (!what.endsWith("mknod")) {
          assert(
            ["EACCES", "ENOENT", "EPERM"].includes(result),
            `${way} ${what} ${result}`,
          );
        }
      }
    }
  });

  attack(
    "what the host lends keeps its mode and owner, for all that root inside does",
    async () => {
      const look = () =>
        [
          ...["/dev/null", "/dev/zero", "/dev/tty"],
          ...["/proc/uptime", "/proc/kmsg", "/proc/sys", "/sys/kernel"],
        ].map((path) => {
          const { mode, uid, gid, mtime } = Deno.statSync(path);
          // Whoever writes to the null device sets its time; the kernel its own.
          const time = /null|^\/proc/.test(path) ? 0 : mtime;
          return [path, mode, uid, gid, time];
        });
      const before = look();
      for (const way of rootless ? [[]] : [[], ["--userns"]]) {
        await using target = await make();
        // Root that is the host's may do so in /proc: docs/security.md says it,
        // and a test is not to.
        const proc = rootless || way.length ? "/proc/*" : "";
        await target.shell(
          `for f in /dev/* ${proc} /sys/*; do
           [ "$(stat -c %F $f)" = directory ] && continue
           chmod 0600 $f; chown 7:7 $f; touch -d 2001-01-01 $f; rm -f $f; mv $f /gone
         done 2>/dev/null; true`,
          way,
        );
        assertEquals(look(), before, way.join(" "));
      }
    },
  );

  attack("the devices that are there can be used", async () => {
    await using target = await make();
    const { stdout, stderr } = await target.shell(
      `echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 3 /dev/urandom | wc -c
       (echo x > /dev/full) 2>/dev/null || echo full; cat /dev/null; ls /dev/pts/ptmx`,
    );
    assertEquals([stdout, stderr], ["3\n3\nfull\n/dev/pts/ptmx\n", ""]);
  });
}

for (const { name, flags, rootless } of EVERYONE) {
  if (rootless) continue;
  test(
    `the host's disk is out of reach, by a node made inside or brought along (${name})`,
    async () => {
      await using target = await Target.make({ flags });
      await using disk = await Disk.make(target.directory);
      const { major, minor, secret } = disk;
      await execute(["mknod", `${target.rootfs}/brought`, "b", major, minor]);
      const read = `cat /brought; ${
        PLACES.map((path) => `mknod ${path} b ${major} ${minor}; cat ${path}`)
          .join("; ")
      }; rm -f ${PLACES.join(" ")}`;
      for (const way of [...WAYS, ["--cap-add", "SYS_RAWIO"]]) {
        const { stdout } = await target.shell(read, way);
        assert(!stdout.includes(secret), way.join(" "));
      }
      // The test itself: who is allowed to reads it.
      const { stdout } = await target.shell(read, ["--privileged"]);
      assert(stdout.includes(secret));
    },
    { skip: noAttacker ?? noDisk() },
  );

  test(`a device that is asked for can be used (${name})`, async () => {
    await using target = await Target.make({ flags });
    const { stdout } = await target.shell("head -c 2 /asked | wc -c", [
      "-v",
      "/dev/zero:/asked",
    ]);
    assertEquals(stdout, "2\n");
  });
}
