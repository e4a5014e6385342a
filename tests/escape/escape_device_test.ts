/**
 * Devices. Root inside has CAP_MKNOD, as with docker. It can make a node of the
 * host's disk, and an image can contain one, but the node cannot be opened. The
 * modes of the host's files that are bind mounted inside cannot be changed.
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

/** Places for a device node. */
const PLACES = ["/node", "/tmp/node", "/dev/node", "/dev/shm/node"];

for (const { name, flags, rootless, skip } of EVERYONE) {
  const make = (prepare?: (rootfs: string) => void | Promise<void>) =>
    Target.make({ flags, rootless, prepare });
  const attack = (what: string, fn: () => Promise<void>) =>
    test(`${what} (${name})`, fn, { skip: skip ?? noAttacker });

  attack("a device node made inside cannot be opened", async () => {
    for (const way of rootless ? [[]] : WAYS) {
      await using target = await make();
      // A device that every user may open, if the file system allows it.
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
    "files of the host that are bind mounted inside keep their mode and owner",
    async () => {
      const look = () =>
        [
          ...["/dev/null", "/dev/zero", "/dev/tty"],
          ...["/proc/uptime", "/proc/kmsg", "/proc/sys", "/sys/kernel"],
        ].map((path) => {
          const { mode, uid, gid, mtime } = Deno.statSync(path);
          // A write to the null device changes its time, and the kernel changes
          // that of its own files.
          const time = /null|^\/proc/.test(path) ? 0 : mtime;
          return [path, mode, uid, gid, time];
        });
      const before = look();
      for (const way of rootless ? [[]] : [[], ["--userns"]]) {
        await using target = await make();
        // Root of the host may change these in /proc, as docs/security.md says,
        // but a test must not.
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

  attack("the container's own devices can be used", async () => {
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
    `the host's disk cannot be read through a node made inside or part of the image (${name})`,
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
      // This tests the test: with the right to do so, the node can be read.
      const { stdout } = await target.shell(read, ["--privileged"]);
      assert(stdout.includes(secret));
    },
    { skip: noAttacker ?? noDisk() },
  );

  test(`--device makes a device usable (${name})`, async () => {
    await using target = await Target.make({ flags });
    const { stdout } = await target.shell("head -c 2 /asked | wc -c", [
      "-v",
      "/dev/zero:/asked",
    ]);
    assertEquals(stdout, "2\n");
  });
}
