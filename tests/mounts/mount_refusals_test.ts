/** Mounts that cannot be: one line that says what is in the way. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { assertRefused } from "../_refused.ts";
import {
  copyRootfs,
  type Mode,
  Nobody,
  run,
  TempDir,
  test,
  testBoth,
  without,
} from "../_harness.ts";

/** A root filesystem to write to, and a directory and a file to mount. */
class Place implements AsyncDisposable {
  readonly #dir = new TempDir();
  readonly directory = `${this.#dir.path}/directory`;
  readonly file = `${this.#dir.path}/file`;
  rootfs = "";

  static async make(): Promise<Place> {
    const place = new Place();
    place.rootfs = await copyRootfs(place.#dir.path);
    await Deno.mkdir(place.directory);
    await Deno.writeTextFile(place.file, "content\n");
    return place;
  }

  link(name: string, to: string): void {
    Deno.symlinkSync(to, `${this.rootfs}/${name}`);
  }

  run(mode: Mode, ...words: string[]) {
    return mode.run(["--rootfs", this.rootfs, ...words]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dir[Symbol.asyncDispose]();
  }
}

testBoth(
  "a file over a directory, and the reverse, are named",
  async (mode) => {
    await using place = await Place.make();
    assertRefused(
      await place.run(mode, "-v", `${place.file}:/etc`, "true"),
      125,
      /\/etc: .*The source is a file, so \/etc in the root filesystem must be one, but it is probably a directory/,
    );
    assertRefused(
      await place.run(mode, "-v", `${place.directory}:/etc/passwd`, "true"),
      125,
      /\/etc\/passwd: .*The source is a directory, so \/etc\/passwd .* probably a file/,
    );
    assertRefused(
      await place.run(mode, "-v", `${place.directory}:/etc/passwd/x`, "true"),
      125,
      /A part of \/etc\/passwd\/x is a file in the root filesystem/,
    );
  },
);

testBoth("a link that leads to nothing is a destination", async (mode) => {
  await using place = await Place.make();
  place.link("missing", "/new/one");
  for (const source of [place.directory, place.file]) {
    const { status, stderr } = await place.run(
      mode,
      ...["-v", `${source}:/missing`, "test", "-e", "/new/one"],
    );
    assertEquals([status, stderr], [0, ""]);
    await Deno.remove(`${place.rootfs}/new`, { recursive: true });
  }
});

testBoth("a link that cannot be a destination is named", async (mode) => {
  await using place = await Place.make();
  place.link("kernel", "/proc/nosuch");
  place.link("circle", "circle");
  const at = (path: string) =>
    place.run(mode, "-v", `${place.directory}:${path}`, "true");
  assertRefused(await at("/kernel"), 125, /or a link there leads to nothing/);
  assertRefused(await at("/circle"), 125, /ELOOP.*Correct the link/);
  assertRefused(
    await place.run(mode, "-w", "/circle", "true"),
    125,
    /Links there lead in a circle\. Choose another --workdir/,
  );
  assertRefused(
    await at("/sys/nosuch"),
    125,
    /The kernel has no \/sys\/nosuch, and nothing can be created/,
  );
});

test(
  "a user who cannot create what a link leads to is told the link",
  async () => {
    await using place = await Place.make();
    await using nobody = await Nobody.make();
    place.link("missing", "/new/one");
    const result = await run(
      ["--rootfs", place.rootfs, "-v", `${place.directory}:/missing`, "true"],
      nobody,
    );
    assertRefused(
      result,
      125,
      /\/missing in the root filesystem is a link to \/new\/one, which does not exist and could not be created/,
    );
  },
  { skip: without("setpriv") },
);

testBoth("only a proc file system can be at /proc", async (mode) => {
  await using place = await Place.make();
  for (
    const words of [
      ["-v", `${place.directory}:/proc`],
      ["--tmpfs", "/proc/"],
      ["--tmpfs", "/etc/../proc"],
    ]
  ) {
    assertRefused(
      await place.run(mode, ...words, "true"),
      125,
      /only a proc file system can be there/,
    );
  }
  for (
    const words of [
      ["-v", "/proc:/proc"],
      ["--mount", "type=proc,target=/proc"],
      ["-v", `${place.file}:/proc/cpuinfo`],
    ]
  ) {
    const { status, stderr } = await place.run(
      mode,
      ...words,
      "test",
      "-e",
      "/proc/self",
    );
    assertEquals([status, stderr], [0, ""], words.join(" "));
  }
});

testBoth("a terminal without devpts at /dev/pts is refused", async (mode) => {
  await using place = await Place.make();
  const words = ["-v", `${place.directory}:/dev/pts`, "-t", "true"];
  assertRefused(
    await place.run(mode, ...words),
    125,
    /no \/dev\/pts of its own, because a mount covers it\. Remove/,
  );
});

for (
  const [words, message] of [
    [
      ["--mount", "type=volume,source=x,target=/x"],
      /Invalid volume name "x"/,
    ],
    [
      ["--mount", "type=volume,target=/x,volume-subpath=y"],
      /volume-subpath= is not supported/,
    ],
    [
      ["--mount", "type=volume,target=/x,nope=1"],
      /unknown option nope=1/,
    ],
    [["--mount", "type=image,target=/x"], /source= is missing/],
    [
      ["--mount", "type=image,source=x,target=/x,nope=1"],
      /unknown option nope/,
    ],
    [["-v", "n:/x"], /Invalid volume name "n"\. Use two or more letters/],
    [["-v", "-name:/x"], /Invalid volume name "-name"/],
    [["--volumes-from", "nosuch"], /container does not exist: nosuch/],
    [["--volumes-from", "nosuch:x"], /not CONTAINER\[:ro\]/],
    [["-v", "./name:/x"], /\.\/name does not exist on the host\. Create it/],
    [["-v", "/x:nope"], /nope is not absolute/],
    [["-v", ":/x"], /not SRC:DST.*Give both paths/],
  ] as const
) {
  test(`run says what there is instead: ${words.join(" ")}`, async () => {
    await using dir = new TempDir();
    const result = await run([...words, "true"], { cwd: dir.path });
    assertRefused(result, 125, message);
  });
}

test("a seccomp profile that refuses execve is named", async () => {
  await using dir = new TempDir();
  const profile = `${dir.path}/profile.json`;
  await Deno.writeTextFile(
    profile,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 38,
      syscalls: [{ names: ["exit_group", "write"], action: "SCMP_ACT_ALLOW" }],
    }),
  );
  assertRefused(
    await run(["--seccomp", profile, "true"]),
    125,
    /ENOSYS\)\. The seccomp profile answers execve with ENOSYS/,
  );
});
