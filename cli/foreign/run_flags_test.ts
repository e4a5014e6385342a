/** Every flag of docker or bubblewrap gets an answer. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { nearestFlag } from "./run_flags.ts";
import { GLOBAL_FLAGS } from "../oci/global.ts";
import { parseRunFlags } from "../parse_run.ts";
import { RUN_FLAGS } from "../run_flags.ts";
import { UsageError } from "../../spec/errors.ts";

// docker run --help of 28, bwrap --help of 0.11
const DOCKER = `add-host annotation attach blkio-weight blkio-weight-device
cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count cpu-percent cpu-period
cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems
detach detach-keys device device-cgroup-rule device-read-bps device-read-iops
device-write-bps device-write-iops disable-content-trust dns dns-opt dns-option
dns-search domainname entrypoint env env-file expose gpus group-add health-cmd
health-interval health-retries health-start-interval health-start-period
health-timeout hostname init interactive io-maxbandwidth io-maxiops ip ip6 ipc
isolation kernel-memory label label-file link link-local-ip log-driver log-opt
mac-address memory memory-reservation memory-swap memory-swappiness mount name
net network network-alias no-healthcheck oom-kill-disable oom-score-adj pid
pids-limit platform privileged publish publish-all pull quiet read-only restart
rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt
sysctl tmpfs tty ulimit use-api-socket user userns uts volume volume-driver
volumes-from workdir a c d e i l m p P q t u v w`;
// podman run --help of 4.3, what docker does not have
const PODMAN =
  `arch authfile cgroup-conf cgroups chrootdirs conmon-pidfile env-host
env-merge gidmap health-on-failure hostuser http-proxy image-volume init-path
no-hosts os passwd passwd-entry personality pidfile pod pod-id-file preserve-fds
read-only-tmpfs replace requires rmi rootfs sdnotify seccomp-policy secret
subgidname subuidname systemd timeout tls-verify tz uidmap umask unsetenv
unsetenv-all variant`;
const BUBBLEWRAP = `args argv0 unshare-all share-net unshare-user
unshare-user-try unshare-ipc unshare-pid unshare-net unshare-uts unshare-cgroup
unshare-cgroup-try userns userns2 disable-userns assert-userns-disabled pidns uid
gid hostname chdir clearenv setenv unsetenv lock-file sync-fd bind bind-try
dev-bind dev-bind-try ro-bind ro-bind-try bind-fd ro-bind-fd remount-ro
overlay-src overlay tmp-overlay ro-overlay exec-label file-label proc dev tmpfs
mqueue dir file bind-data ro-bind-data symlink seccomp add-seccomp-fd block-fd
userns-block-fd info-fd json-status-fd new-session die-with-parent as-pid-1
cap-add cap-drop perms size chmod`;

for (const [program, text] of Object.entries({ DOCKER, PODMAN, BUBBLEWRAP })) {
  Deno.test(`nearestFlag() answers every flag that ${program.toLowerCase()} has and run lacks`, () => {
    const ours = new Set(
      RUN_FLAGS.flatMap(({ name, short }) => short ? [name, short] : [name]),
    );
    const silent = text.split(/\s+/).filter((name) =>
      !ours.has(name) && !nearestFlag(name)
    );
    assertEquals(silent, []);
  });
}

Deno.test("nearestFlag() names only flags that exist", () => {
  const foreign = [DOCKER, PODMAN, BUBBLEWRAP].join(" ").split(/\s+/);
  const named = foreign.flatMap((
    name,
  ) => [...nearestFlag(name)?.matchAll(/--([a-z][a-z0-9-]+)/g) ?? []]);
  const unknown = named.map(([, name]) => name).filter((name) =>
    ![...RUN_FLAGS, ...GLOBAL_FLAGS].some((flag) => flag.name === name) &&
    // Of rm, which the advice names.
    name !== "force"
  );
  assertEquals(unknown, []);
});

Deno.test("nearestFlag() has no answer for run's own flags or for unknown ones", () => {
  const ours = RUN_FLAGS.flatMap(({ name, short }) => [name, short ?? name]);
  assertEquals(ours.filter((name) => nearestFlag(name)), []);
  assertEquals(nearestFlag("constructor"), null);
  assertEquals(nearestFlag("nosuch"), null);
});

Deno.test("parseRunFlags() explains a flag of docker and suggests the nearest for others", async () => {
  const refused = async (words: RegExp, ...argv: string[]) => {
    const { message, hint } = await assertRejects(
      () => parseRunFlags(RUN_FLAGS, argv, "container run"),
      UsageError,
    );
    assertMatch(`${message}. ${hint}`, words);
  };
  await refused(/Unknown flag --gpus\. Use --device/, "--gpus", "all");
  await refused(/Unknown flag --link\. .*--network host/, "--link", "db");
  await refused(
    /Unknown flag --hostnme\. Did you mean --hostname/,
    "--hostnme",
  );
});

Deno.test("parseRunFlags() translates docker's names of flags", async () => {
  const parsed = async (...argv: string[]) => {
    const { given, rest } = await parseRunFlags(RUN_FLAGS, argv, "");
    return [...given.map((pair) => pair.join("=")), ...rest].join(" ");
  };
  const said = await parsed(
    ...["--security-opt", "no-new-privileges:false"],
    ...["--security-opt=seccomp=unconfined", "--security-opt", "apparmor=a b"],
    ...["--security-opt", "label=disable", "--net", "host", "-h", "box", "sh"],
  );
  assertEquals(
    said,
    "no-new-privs=false seccomp=unconfined apparmor=a b network=host hostname=box sh",
  );
  const entry = (text: string) => parsed("--entrypoint", text, "a", "-b");
  assertEquals(await entry("ls"), "entrypoint=ls ls a -b");
  assertEquals(
    await entry('["sh", "-c"]'),
    'entrypoint=["sh", "-c"] sh -c a -b',
  );
  assertEquals(await entry(""), "entrypoint= a -b");
  const refused = (...argv: string[]) =>
    assertRejects(() => parseRunFlags(RUN_FLAGS, argv, ""), UsageError);
  await refused("--entrypoint", "[1]", "a");
  for (const text of ["", "nope", "label=type:x", "seccomp", "unmask=ALL"]) {
    await refused("--security-opt", text, "sh");
  }
});
