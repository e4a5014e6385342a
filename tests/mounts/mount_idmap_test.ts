/** Mounts with mapped ids: `-v SRC:DST:idmap` and similar. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  container,
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

const IN_USER_NAMESPACE = [
  ...["--uidmap", "0:100000:1000", "--gidmap", "0:200000:1000"],
];

/** Files on the host: of root, of 5:7, and of ids that no container has. */
class Files implements AsyncDisposable {
  readonly source: string;
  private constructor(
    readonly dir: TempDir,
    readonly rootfs: string,
    readonly nobody: Nobody,
  ) {
    this.source = `${dir.path}/source`;
  }

  static async make(): Promise<Files> {
    const dir = new TempDir();
    const files = new Files(
      dir,
      await copyRootfs(dir.path),
      await Nobody.make(),
    );
    await Deno.mkdir(files.source);
    await Deno.mkdir(`${files.rootfs}/mnt`, { recursive: true });
    for (const [name, uid, gid] of OWNERS) {
      await Deno.writeTextFile(`${files.source}/${name}`, "text\n");
      await Deno.chown(`${files.source}/${name}`, uid, gid);
    }
    return files;
  }

  run(mode: Mode, ...args: string[]) {
    return mode.run(["--rootfs", this.rootfs, ...args], {
      env: this.nobody.env,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
    await this.nobody[Symbol.asyncDispose]();
  }
}

const OWNERS = [["root", 0, 0], ["other", 5, 7], [
  "far",
  70000,
  70000,
]] as const;

const LOOK = "cd /mnt; for f in root other far; do stat -c '%u:%g' $f; done";

testBoth(
  "-v …:idmap maps the host's root to the container's, and back for new files",
  async (mode) => {
    await using files = await Files.make();
    const run = (options: string, script: string) =>
      files.run(
        mode,
        ...IN_USER_NAMESPACE,
        ...["-v", `${files.source}:/mnt${options}`, "sh", "-c", script],
      );
    const without = await run("", `${LOOK}; touch new 2>/dev/null || echo no`);
    assertEquals(
      [without.status, without.stdout, without.stderr],
      [0, "65534:65534\n65534:65534\n65534:65534\nno\n", ""],
    );
    const mapped = await run(
      ":idmap",
      `${LOOK}; touch new; chown 5:7 new; echo more >> root
       touch far 2>/dev/null || echo closed; chown 65534 new 2>/dev/null || echo unmapped`,
    );
    assertEquals(
      [mapped.status, mapped.stdout, mapped.stderr],
      [0, "0:0\n5:7\n65534:65534\nclosed\nunmapped\n", ""],
    );
    const { uid, gid } = await Deno.stat(`${files.source}/new`);
    assertEquals([uid, gid], [5, 7]);
    assertEquals((await Deno.stat(`${files.source}/root`)).uid, 0);
    assertEquals(
      await Deno.readTextFile(`${files.source}/root`),
      "text\nmore\n",
    );
  },
);

testBoth(
  "--mount …,idmap accepts a mapping, with and without a user namespace",
  async (mode) => {
    await using files = await Files.make();
    const look = async (mapping: string, ...flags: string[]) => {
      const { stdout, stderr } = await files.run(
        mode,
        ...flags,
        ...["--mount", `type=bind,src=${files.source},dst=/mnt,${mapping}`],
        ...["sh", "-c", LOOK],
      );
      assertEquals(stderr, "");
      return stdout;
    };
    assertEquals(
      await look("idmap=uids=5-0-1#0-1000-1;gids=7-0-1#0-1000-1"),
      "1000:1000\n0:0\n65534:65534\n",
    );
    assertEquals(
      await look(
        "readonly,ridmap=uids=5-100000-1;gids=7-200000-1",
        ...IN_USER_NAMESPACE,
      ),
      "65534:65534\n0:0\n65534:65534\n",
    );
    // After @ the second number is the container's.
    assertEquals(
      await look("idmap=uids=@70000-3-1;gids=@70000-4-1", ...IN_USER_NAMESPACE),
      "65534:65534\n65534:65534\n3:4\n",
    );
  },
);

testBoth(
  "idmap works with ro, with a file and with --ephemeral",
  async (mode) => {
    await using files = await Files.make();
    const { stdout, stderr } = await files.run(
      mode,
      ...IN_USER_NAMESPACE,
      ...["--ephemeral", "-v", `${files.source}/other:/etc/group:idmap,ro`],
      ...["-v", `${files.source}:/mnt:ro,idmap`, "sh", "-c"],
      `stat -c '%u:%g' /etc/group /mnt/root; echo x 2>/dev/null > /etc/group || echo readonly
     grep -c idmapped /proc/self/mountinfo; ls /proc/self/fd | wc -l`,
    );
    assertEquals([stdout, stderr], ["5:7\n0:0\nreadonly\n2\n4\n", ""]);
  },
);

testBoth("only ridmap also maps the mounts below", async (mode) => {
  await using files = await Files.make();
  await Deno.mkdir(`${files.source}/below`);
  const look = async (option: string) => {
    const { stdout } = await execute(
      [
        ...["unshare", "-m", "sh", "-c"],
        'mkdir "$1.tree"; mount --bind "$1.tree" "$1/below"; touch "$1/below/x"; shift; exec "$@"',
        "sh",
        files.source,
        ...mode.runWords(
          ...["-q", "--rootfs", files.rootfs, ...IN_USER_NAMESPACE],
          ...["-v", `${files.source}:/mnt:${option}`],
          ...["stat", "-c", "%u", "/mnt", "/mnt/below/x"],
        ),
      ],
      { env: files.nobody.env },
    );
    await Deno.remove(`${files.source}.tree`, { recursive: true });
    return stdout;
  };
  assertEquals(await look("idmap"), "0\n65534\n");
  assertEquals(await look("ridmap"), "0\n0\n");
}, { skip: without("unshare") });

testBoth(
  "idmap works for many mounts, in addition to layers in memory",
  async (mode) => {
    await using files = await Files.make();
    const volumes = Array.from({ length: 40 }, (_, index) => [
      "-v",
      `${files.source}:/mnt/${index}:idmap=uids=5-1000-1;gids=7-1000-1`,
    ]);
    const { stdout, stderr } = await files.run(
      mode,
      ...["--ephemeral", ...volumes.flat()],
      ...["sh", "-c", "stat -c %u /mnt/*/other | uniq -c; ls /proc/self/fd"],
    );
    assertEquals([stdout.trim(), stderr], ["40 1000\n0\n1\n2\n3", ""]);
  },
);

testBoth("idmap that is not possible is refused with a fix", async (mode) => {
  await using files = await Files.make();
  const { source } = files;
  const refused = async (status: number, words: RegExp, ...args: string[]) =>
    assertRefused(await files.run(mode, ...args, "true"), status, words);
  const volume = (options: string) => ["-v", `${source}:/mnt:${options}`];
  await refused(
    125,
    /no user namespace whose mapping.*--uidmap and --gidmap.*idmap=uids=/,
    ...volume("idmap"),
  );
  await refused(125, /gids= is missing/, ...volume("idmap=uids=0-0-1"));
  await refused(
    125,
    /the ranges of uids overlap/,
    ...volume("idmap=uids=0-0-2#1-5-1;gids=0-0-1"),
  );
  await refused(125, /x is not a range/, ...volume("idmap=uids=x;gids=0-0-1"));
  await refused(
    125,
    /kids is neither uids nor gids/,
    ...volume("idmap=kids=0-0-1"),
  );
  await refused(
    125,
    /does not have the IDs from 9000 on/,
    ...IN_USER_NAMESPACE,
    ...volume("idmap=uids=@0-9000-1;gids=0-0-1"),
  );
  await refused(125, /Did you mean idmap\?/, ...volume("idmpa"));
  await refused(
    125,
    /EINVAL.*file system does not support ID mapping.*chown/,
    ...IN_USER_NAMESPACE,
    ...["-v", "/proc/sys:/mnt:idmap"],
  );
});

testBoth("rootless: idmap is refused with a fix", async (mode) => {
  await using files = await Files.make();
  const result = await mode.run([
    ...["--rootfs", files.rootfs, "-v", `${files.source}:/mnt:idmap`, "true"],
  ], files.nobody);
  assertRefused(result, 125, /Cannot map the IDs of .*: not root.*sudo/);
}, { skip: without("setpriv") });

testBoth(
  "explain shows which ids are mapped and how the mount gets inside",
  async (mode) => {
    await using files = await Files.make();
    const { stdout } = await container([
      ...["explain", "--all", "run", ...mode.flags, "--rootfs", files.rootfs],
      ...IN_USER_NAMESPACE,
      ...["-v", `${files.source}:/mnt:idmap`, "true"],
    ]);
    assertMatch(
      stdout,
      /open .*source\s+with\s+its\s+user\s+IDs\s+mapped\s+0:100000:1000/,
    );
    assertMatch(stdout, /MOUNT_ATTR_IDMAP/);
    assertMatch(stdout, /receive the mount on descriptor \d+ as mount\d+/);
  },
);
