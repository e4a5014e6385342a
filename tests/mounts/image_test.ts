/** `--rootfs FILE`: a root filesystem in an image. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  CONTAINER,
  container,
  execute,
  type Mode,
  Nobody,
  TempDir,
  test,
  testBoth,
  until,
  without,
} from "../_harness.ts";
import { free, KINDS, makeImage, missing } from "../_image.ts";
import { assertRefused } from "../_refused.ts";
import { Session } from "../_session.ts";

/** Runs a container on an image. */
const runIn = (mode: Mode, image: string, ...args: string[]) =>
  container(["run", ...mode.flags, "-q", "--rootfs", image, ...args]);

for (const kind of Object.keys(KINDS)) {
  testBoth(
    `--rootfs FILE mounts ${kind} under any name, read-only, and frees it afterwards`,
    async (mode) => {
      await using dir = new TempDir();
      const image = await makeImage(kind, dir.path);
      const before = await Deno.readFile(image);
      const { status, stdout, stderr } = await runIn(
        mode,
        image,
        ...["sh", "-c"],
        "hostname; touch /x 2>/dev/null || echo readonly; mount -o remount,rw / 2>/dev/null && echo remounted; awk '$5 == \"/\" { print $6, $8 }' /proc/self/mountinfo; exit 3",
      );
      assertEquals([status, stderr], [3, ""]);
      assertMatch(
        stdout,
        new RegExp(`^container\nreadonly\nro,nodev[^ ]* ${kind}\n$`),
      );
      await free(image);
      assertEquals(await Deno.readFile(image), before);
    },
    { skip: missing(kind) },
  );

  testBoth(
    `--ephemeral and --overlay keep changes to an image of ${kind} in memory or in a directory`,
    async (mode) => {
      await using dir = new TempDir();
      const image = await makeImage(kind, dir.path);
      const script = "echo new > /etc/new; rm /bin/ls; cat /etc/new";
      for (
        const layer of [["--ephemeral"], ["--overlay", `${dir.path}/kept`]]
      ) {
        for (const userns of [[], ["--userns"]]) {
          const { status, stdout, stderr } = await runIn(
            mode,
            image,
            ...layer,
            ...userns,
            ...["sh", "-c", `[ -e /bin/ls ] && ${script}`],
          );
          assertEquals([status, stdout, stderr], [0, "new\n", ""]);
          await Deno.remove(`${dir.path}/kept/upper/bin`, { recursive: true })
            .catch(() => {});
        }
      }
      assertEquals(
        await Deno.readTextFile(`${dir.path}/kept/upper/etc/new`),
        "new\n",
      );
      await free(image);
    },
    { skip: missing(kind) },
  );
}

testBoth(
  "--rootfs FILE uses the users and commands of the image",
  async (mode) => {
    await using dir = new TempDir();
    const image = await makeImage("squashfs", dir.path);
    const { stdout } = await runIn(mode, image, "-u", "nobody", "id", "-un");
    assertEquals(stdout, "nobody\n");
    assertRefused(
      await runIn(mode, image, "-u", "noone", "true"),
      125,
      /no such user in the root filesystem's \/etc\/passwd/,
    );
    assertRefused(
      await runIn(mode, image, "/etc/passwd"),
      126,
      /it is not executable/,
    );
    assertRefused(await runIn(mode, image, "nosuch"), 127, /not found in/);
    await free(image);
  },
  { skip: missing("squashfs") },
);

testBoth(
  "--rootfs FILE serves several containers at once, also in user namespaces",
  async (mode) => {
    await using dir = new TempDir();
    const image = await makeImage("squashfs", dir.path);
    const results = await Promise.all(
      [[], ["--userns"], ["--chroot"], ["--privileged"]].map((flags) =>
        runIn(mode, image, ...flags, "cat", "/etc/hostname", "/proc/1/comm")
      ),
    );
    for (const { status, stderr } of results) {
      assertEquals([status, stderr], [
        0,
        "",
      ]);
    }
    await free(image);
  },
  { skip: missing("squashfs") },
);

testBoth(
  "--rootfs FILE writes to ext4 if asked to, for one container at a time",
  async (mode) => {
    await using dir = new TempDir();
    const image = await makeImage("ext4", dir.path);
    const write = ["--read-only=false"];
    await using session = new Session([
      ...[
        ...CONTAINER,
        "run",
        ...mode.flags,
        "-q",
        "--rootfs",
        image,
        ...write,
      ],
      ...["sh", "-c", "echo kept > /note; echo written; read x"],
    ]);
    await until("it has written", () => session.output.includes("written"));
    for (const flags of [[], write, ["--ephemeral"]]) {
      assertRefused(
        await runIn(mode, image, ...flags, "true"),
        125,
        /Cannot attach .* to a loop device: it is in use/,
      );
    }
    await session.send("\n");
    assertEquals(await session.end(), 0);
    await free(image);
    const { stdout } = await runIn(mode, image, "cat", "/note");
    assertEquals(stdout, "kept\n");
  },
  { skip: missing("ext4") },
);

test(
  "--rootfs FILE refuses a damaged or unknown image and says how to fix it",
  async () => {
    await using dir = new TempDir();
    const image = await makeImage("squashfs", dir.path);
    const file = `${dir.path}/other`;
    const refused = async (
      content: Uint8Array,
      words: RegExp,
      ...flags: string[]
    ) => {
      await Deno.writeFile(file, content);
      const result = await container(
        ["run", "-q", "--rootfs", file, ...flags, "true"],
      );
      assertRefused(result, 125, words);
    };
    const whole = await Deno.readFile(image);
    const bytes = (text: string, at = 0, size = 0x10100) => {
      const content = new Uint8Array(size);
      content.set(new TextEncoder().encode(text), at);
      return content;
    };
    await refused(
      whole.slice(0, whole.length / 2),
      /\(squashfs, read-only\): fsconfig: .*damaged or truncated/,
    );
    await refused(
      whole,
      /--read-only=false: .*squashfs.*--ephemeral/,
      "--read-only=false",
    );
    await refused(
      bytes("ustar", 257),
      /it is a tar archive.*tar -xf .*other -C DIR/,
    );
    await refused(
      new Uint8Array([0x1f, 0x8b, 8]),
      /it is compressed \(gzip\).*tar -xf/,
    );
    await refused(bytes("EFI PART", 512), /it is a disk with partitions.*dd/);
    await refused(
      bytes("QFI\xfb").slice(0, 3),
      /neither a directory nor a squashfs, erofs or ext4 image/,
    );
    await refused(
      bytes("XFSB"),
      /it is xfs\. Only squashfs, erofs and ext4 can/,
    );
    await refused(
      new Uint8Array(),
      /neither a directory nor a squashfs, erofs or ext4 image/,
    );
    await refused(
      bytes("text"),
      /neither a directory nor a squashfs, erofs or ext4 image.*Unpack/,
    );
    // Half a file system of ext4, which its journal cannot repair.
    if (missing("ext4")) return;
    await using other = new TempDir();
    const ext4 = await Deno.readFile(await makeImage("ext4", other.path));
    ext4.fill(0xff, 1024 + 4, 1024 + 24);
    await refused(ext4, /\(ext4, read-only\).*e2fsck -f/);
  },
  { skip: missing("squashfs") },
);

testBoth(
  "rootless: --rootfs FILE is refused with the command that unpacks the image",
  async (mode) => {
    await using dir = new TempDir();
    await using nobody = await Nobody.make();
    for (
      const [kind, words] of [
        ["squashfs", /not root.*unsquashfs -d DIR .*image/],
        ["erofs", /not root.*fsck.erofs --extract=DIR .*image/],
        ["ext4", /not root.*debugfs -R 'rdump/],
      ] as const
    ) {
      if (missing(kind)) continue;
      const image = await makeImage(kind, dir.path);
      const result = await mode.run(["--rootfs", image, "true"], nobody);
      assertRefused(result, 125, words);
    }
  },
  { skip: without("setpriv") ?? missing("squashfs") },
);

test(
  "explain shows how an image is mounted, and does not mount it",
  async () => {
    await using dir = new TempDir();
    const image = await makeImage("squashfs", dir.path);
    const { stdout, stderr } = await execute([
      ...[
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/stderr",
        "-e",
        "trace=fsopen,mount",
      ],
      ...[...CONTAINER, "explain", "--all", "run", "--rootfs", image, "true"],
    ]);
    assertMatch(stdout, /mount .*image\S* \(squashfs,\s+read-only\)/);
    assertMatch(stdout, /receive the mount on descriptor \d+ as root/);
    assertEquals(stderr, "");
  },
  { skip: without("strace") ?? missing("squashfs") },
);
