// deno-lint-ignore-file no-sync-fn-in-async-fn -- the tests run one at a time
/**
 * The flags for limits of disks and huge pages: the kernel enforces them. The
 * same for v1 and v2, in both modes. Needs root.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import type { Mode } from "../_harness.ts";
import { someDisk } from "./_host.ts";
import { BLOCK, declare, MB, same, shell } from "./_limited.ts";

/** A disk that holds a file below /var/tmp and can be throttled. */
const disk = someDisk();

/** Declares the tests for the cgroups of this machine. */
export function testRunDiskLimits(label: string): void {
  const both = declare(label);
  const slow = async (mode: Mode, flag: string, script: string) => {
    const target = Deno.makeTempDirSync({ dir: "/var/tmp" });
    try {
      Deno.writeFileSync(`${target}/data`, new Uint8Array(3 * MB));
      await new Deno.Command("sync").output();
      const started = performance.now();
      const { status, stderr } = await shell(
        mode,
        `--device-${flag} -v ${target}:/mnt`,
        script,
      );
      assertEquals(status, 0, stderr);
      return performance.now() - started;
    } finally {
      Deno.removeSync(target, { recursive: true });
    }
  };
  const throttles: [flag: string, script: string][] = [
    [
      `read-bps ${disk}:1mb`,
      "dd if=/mnt/data of=/dev/null bs=256k iflag=direct",
    ],
    [
      `write-bps ${disk}:1mb`,
      "dd if=/dev/zero of=/mnt/out bs=256k count=12 oflag=direct",
    ],
    [
      `read-iops ${disk}:10`,
      "dd if=/mnt/data of=/dev/null bs=64k count=30 iflag=direct",
    ],
    [
      `write-iops ${disk}:10`,
      "dd if=/dev/zero of=/mnt/out bs=64k count=30 oflag=direct",
    ],
  ];
  for (const [flag, script] of throttles) {
    both(
      `--device-${flag}: the disk is not faster`,
      BLOCK,
      async (mode) => {
        assertGreater(await slow(mode, flag, script), 2000);
      },
      disk ? null : "there is no disk",
    );
  }

  both(
    "--blkio-weight sets the weight of bfq, or the error names bfq as missing",
    BLOCK,
    async (mode) => {
      const { status, stderr } = await mode.run([
        "--blkio-weight",
        "100",
        "true",
      ]);
      if (status === 0) return;
      assertEquals(status, 125);
      assertMatch(
        stderr,
        /weight.*ENOENT[^]*No disk on this machine uses an I\/O scheduler with weights/,
      );
    },
  );

  both(
    "--hugetlb: huge pages above the limit are refused",
    same("hugetlb"),
    async (mode) => {
      const file = "/proc/sys/vm/nr_hugepages";
      const before = Deno.readTextFileSync(file);
      Deno.writeTextFileSync(file, "8");
      try {
        const { stdout, stderr } = await shell(
          mode,
          "--hugetlb 2MB:4m --privileged",
          `mount -t hugetlbfs none /mnt || exit 1
         fallocate -l 4194304 /mnt/a && echo four
         fallocate -l 4194304 /mnt/b && echo eight`,
        );
        assertEquals(stdout, "four\n", stderr);
      } finally {
        Deno.writeTextFileSync(file, before);
      }
    },
  );
}
