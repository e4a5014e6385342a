/** Refusals because of missing rights, and where user namespaces are forbidden. */

import { copyRootfs, Nobody, TempDir, testBoth, without } from "../_harness.ts";
import { assertRefused } from "../_refused.ts";

testBoth(
  "run as a user refuses another user's root filesystem without /proc, with a way out",
  async (mode) => {
    await using nobody = await Nobody.make();
    assertRefused(
      await mode.run(["--rootfs", "/usr", "true"], nobody),
      125,
      /ENOENT.*no \/proc.*Create it.*--ephemeral/,
    );
  },
  { skip: without("setpriv") },
);

testBoth(
  "run as a user refuses a closed root filesystem",
  async (mode) => {
    await using nobody = await Nobody.make();
    await using dir = new TempDir();
    const path = await copyRootfs(dir.path);
    await Deno.chmod(path, 0o700);
    assertRefused(
      await mode.run(["--rootfs", path, "true"], nobody),
      125,
      /EACCES.*do not have permission to enter it/,
    );
    assertRefused(
      await mode.run(["--rootfs", `${path}/bin`, "true"], nobody),
      125,
      /permission denied \(EACCES\).*Run as root \(sudo\)\./,
    );
  },
  { skip: without("setpriv") },
);

testBoth(
  "run as a user refuses what only root may ask for",
  async (mode) => {
    await using nobody = await Nobody.make();
    const refused = async (words: RegExp, ...args: string[]) =>
      assertRefused(
        await mode.run(["--rootfs", "/usr", ...args, "true"], nobody),
        125,
        words,
      );
    await refused(/not root.*sudo/, "--userns", "host");
    await refused(
      /EACCES.*Run as root \(sudo\)/,
      "--network",
      "path:/proc/1/ns/net",
    );
    await refused(/Cannot map user IDs.*subuid/, "--uidmap", "0:100000:1000");
  },
  { skip: without("setpriv") },
);

testBoth(
  "run as root without capabilities refuses with one line",
  async (mode) => {
    const result = await mode.run(["true"], {
      before: ["setpriv", "--bounding-set=-all"],
    });
    assertRefused(result, 125, /EPERM.*Run as root \(sudo\)/);
  },
  { skip: without("setpriv") },
);

testBoth(
  "run names the limit that forbids user namespaces",
  async (mode) => {
    const result = await mode.run(["--userns", "true"], {
      before: [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"',
        "sh",
      ],
    });
    assertRefused(result, 125, /ENOSPC.*max_user_namespaces/);
  },
  { skip: without("unshare") },
);
