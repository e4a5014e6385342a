// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ALL, rootFacts, userFacts } from "./_facts_fixture.ts";
import { atLeast, type Check } from "./check.ts";
import { diagnose } from "./diagnosis.ts";
import type { Facts } from "./facts.ts";

const bit = (number: number) => 1n << BigInt(number);
const SYS_ADMIN = bit(21);
const SYS_RESOURCE = bit(24);

function find(facts: Facts, id: string, rootless = false): Check {
  const found = diagnose(facts, { rootless }).checks.find((check) =>
    check.id === id
  );
  assert(found, `there is no check ${id}`);
  return found;
}

Deno.test("diagnose() finds no fault on a machine without one", () => {
  const { ok, verdict, checks } = diagnose(rootFacts());
  assert(ok);
  assertEquals(
    checks.filter(({ status }) => status === "warning" || status === "missing"),
    [],
  );
  assertEquals(
    verdict,
    "container run works here as root, with resource limits, networks, user namespaces, overlay, seccomp and every capability.",
  );
});

Deno.test("diagnose() gives each check a unique id, a meaning, and a fix if it is not ok", () => {
  const bare: Partial<Facts> = {
    arch: "riscv64",
    kernel: "4.19.0",
    memfdNoexec: 2,
    namespaces: [],
    tried: null,
    subuid: [],
    subgid: [],
    newuidmap: null,
    newgidmap: null,
    mounts: [],
    cgroup: { v1: [], v2: null, delegated: null },
    filesystems: [],
    modules: [],
    loopControl: false,
    seccomp: null,
    landlock: "ENOSYS",
    stateBase: { problem: "there is no home directory" },
    programs: { nft: null, ip: null },
    packager: null,
  };
  for (const facts of [rootFacts(bare), userFacts(bare)]) {
    const { ok, checks } = diagnose(facts);
    assert(!ok);
    assertEquals(new Set(checks.map(({ id }) => id)).size, checks.length);
    for (const { id, found, means, cure, status } of checks) {
      assert(found && means, id);
      // Without any cgroup, the check before it names the fix.
      if (status === "missing" && id !== "cgroup-access") assert(cure, id);
    }
  }
});

Deno.test("diagnose() tells a user without rootless mode to use sudo", () => {
  const { ok, verdict } = diagnose(userFacts(), { rootless: false });
  assert(!ok);
  assertEquals(
    verdict,
    "container run does not work here as ada (uid 1000), only as root: sudo container run /bin/sh.",
  );
});

Deno.test("diagnose() lets a user run in rootless mode unless user namespaces are forbidden", () => {
  assert(diagnose(userFacts(), { rootless: true }).ok);
  const { userNamespace } = userFacts();
  const forbidden = userFacts({
    userNamespace: { ...userNamespace, apparmorRestricts: 1 },
  });
  assert(!diagnose(forbidden, { rootless: true }).ok);
  assertStringIncludes(
    find(forbidden, "user-namespaces", true).cure!,
    "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  );
});

Deno.test("diagnose() trusts a failed attempt more than settings", () => {
  const facts = userFacts({
    tried: { ok: false, said: "Operation not permitted", asUser: true },
  });
  assertEquals(find(facts, "user-namespaces").status, "missing");
  assert(!diagnose(facts, { rootless: true }).ok);
  const root = rootFacts({
    inside: "docker",
    tried: { ok: false, said: "Operation not permitted", asUser: false },
  });
  assert(!diagnose(root).ok);
  assertStringIncludes(find(root, "namespaces-tried").cure!, "--privileged");
});

Deno.test("diagnose() distinguishes an old kernel from a system call hidden by a filter", () => {
  const calls = { ...rootFacts().calls, clone3: "ENOSYS" };
  const old = rootFacts({ kernel: "4.19.0", calls });
  assertEquals(find(old, "call-clone3").found, "not in Linux 4.19.0");
  assert(!diagnose(old).ok);
  const hidden = rootFacts({ inside: "docker", calls });
  assertStringIncludes(find(hidden, "call-clone3").found, "blocked (ENOSYS)");
  assertStringIncludes(find(hidden, "call-clone3").cure!, "seccomp=unconfined");
  assertEquals(
    find(rootFacts({ kernel: "5.4.0" }), "call-clone3").found,
    "incomplete in Linux 5.4.0",
  );
  // run does not need openat2.
  const other = { ...rootFacts().calls, openat2: "ENOSYS" };
  assert(diagnose(rootFacts({ kernel: "5.5.0", calls: other })).ok);
});

Deno.test("diagnose() takes EPERM from fsopen as a sign that the call exists", () => {
  const calls = { ...userFacts().calls, fsopen: "EPERM", openat2: "EPERM" };
  assertEquals(find(userFacts({ calls }), "call-fsopen").status, "ok");
  assertEquals(find(userFacts({ calls }), "call-openat2").status, "missing");
});

Deno.test("diagnose() names missing capabilities and what fails without them", () => {
  const set = ALL & ~SYS_RESOURCE;
  const facts = rootFacts({ capabilities: set, bounding: set });
  const found = find(facts, "capabilities");
  assertEquals(found.status, "warning");
  assertEquals(found.found, "without CAP_SYS_RESOURCE");
  assertEquals(found.cure, undefined);
  assertStringIncludes(diagnose(facts).verdict, "; not with CAP_SYS_RESOURCE.");
});

Deno.test("diagnose() promises less to root of a user namespace", () => {
  const nested = rootFacts({ nestedUser: true });
  const { ok, verdict } = diagnose(nested, { rootless: false });
  assert(ok);
  assertStringIncludes(
    verdict,
    "container run --chroot works here as root of a user namespace, with",
  );
  assertStringIncludes(verdict, "; not with device nodes.");
  assertEquals(find(nested, "pivot-root", false).status, "warning");
  assertEquals(find(nested, "pivot-root", true).status, "ok");
});

Deno.test("diagnose() refuses root without CAP_SYS_ADMIN", () => {
  const set = ALL & ~SYS_ADMIN;
  const facts = rootFacts({
    capabilities: set,
    bounding: set,
    inside: "podman",
  });
  assert(!diagnose(facts, { rootless: false }).ok);
  assertStringIncludes(
    find(facts, "privilege", false).cure!,
    "--cap-add SYS_ADMIN",
  );
});

Deno.test("diagnose() refuses if a limit forbids a needed namespace", () => {
  const limits = { ...rootFacts().limits, pid: 0 };
  assert(!diagnose(rootFacts({ limits })).ok);
  assertStringIncludes(
    find(rootFacts({ limits }), "namespace-pid").cure!,
    "sysctl -w user.max_pid_namespaces=15000",
  );
  assert(diagnose(rootFacts({ limits: { net: 0 } })).ok);
});

Deno.test("diagnose() suggests no sudo to root", () => {
  const facts = { memfdNoexec: 2 };
  assert(find(userFacts(facts), "memfd").cure!.startsWith("sudo sysctl"));
  assert(find(rootFacts(facts), "memfd").cure!.startsWith("sysctl"));
});

Deno.test("diagnose() proposes a free range of ids", () => {
  const facts = userFacts({
    subuid: [{ owner: "bob", start: 100000, count: 65536 }],
  });
  assertEquals(
    find(facts, "subuid").cure,
    "sudo usermod --add-subuids 165536-231071 ada",
  );
  assertEquals(find(facts, "subgid").status, "ok");
  assertEquals(
    find(
      userFacts({ subuid: [{ owner: "1000", start: 1001, count: 65536 }] }),
      "subuid",
    ).status,
    "ok",
  );
});

Deno.test("diagnose() names ranges that the kernel refuses", () => {
  const range = (start: number, owner = "ada") => ({
    ...{ owner, start, count: 65536 },
  });
  const of = (...subuid: ReturnType<typeof range>[]) =>
    find(userFacts({ subuid }), "subuid");
  assertEquals(of(range(100000), range(100000, "bob")).status, "ok");
  const twice = of(range(100000), range(150000));
  assertEquals([twice.status, twice.found], [
    "missing",
    "100000 to 165535 and 150000 to 215535 overlap",
  ]);
  const own = of(range(0));
  assertEquals([own.status, own.found, own.cure], [
    "missing",
    "0 to 65535 contain the user's own ID 1000",
    "sudo usermod --del-subuids 0-65535 ada",
  ]);
});

Deno.test("diagnose() checks that newuidmap has a right that takes effect", () => {
  const bare = { path: "/bin/newuidmap", right: null };
  assertStringIncludes(
    find(userFacts({ newuidmap: bare }), "newuidmap").cure!,
    "chmod u+s /bin/newuidmap",
  );
  assertEquals(
    find(userFacts({ noNewPrivileges: true }), "newuidmap").status,
    "missing",
  );
  assertEquals(
    find(userFacts({ newuidmap: null }), "newuidmap").cure,
    "sudo apt-get install uidmap",
  );
  assertEquals(
    find(rootFacts({ newuidmap: null }), "newuidmap").status,
    "information",
  );
});

Deno.test("diagnose() distinguishes the cgroup versions", () => {
  const { v2 } = rootFacts().cgroup;
  const v1 = [{
    controllers: ["cpu", "memory", "pids"],
    path: "/sys/fs/cgroup/cpu",
    writable: true,
  }];
  const found = (cgroup: Facts["cgroup"]) =>
    find(rootFacts({ cgroup }), "cgroup-version").found;
  assertStringIncludes(found({ v1: [], v2, delegated: null }), "version 2 at");
  assertEquals(found({ v1, v2: null, delegated: null }), "version 1");
  assertStringIncludes(found({ v1, v2, delegated: null }), "hybrid");
  assertEquals(found({ v1: [], v2: null, delegated: null }), "not mounted");
});

Deno.test("diagnose() finds controllers that are not delegated", () => {
  assertEquals(find(userFacts(), "cgroup-access").status, "ok");
  const { v2, delegated } = userFacts().cgroup;
  const some = { ...delegated!, controllers: ["memory", "pids"] };
  const partly = userFacts({ cgroup: { v1: [], v2, delegated: some } });
  assertEquals(find(partly, "cgroup-access").status, "warning");
  assertStringIncludes(
    find(partly, "cgroup-access").means,
    "cannot limit CPU time",
  );
  const none = userFacts({ cgroup: { v1: [], v2, delegated: null } });
  assertEquals(
    find(none, "cgroup-access").cure,
    "sudo loginctl enable-linger ada",
  );
});

Deno.test("diagnose() lets run use chroot in an initramfs", () => {
  const mounts = rootFacts().mounts.map((mount) =>
    mount.target === "/" ? { ...mount, type: "rootfs" } : mount
  );
  assertEquals(find(rootFacts({ mounts }), "pivot-root").status, "warning");
  assert(diagnose(rootFacts({ mounts })).ok);
});

Deno.test("diagnose() without glibc names the C library and no system calls", () => {
  const calls = Object.fromEntries(
    Object.keys(rootFacts().calls).map((name) => [name, "unknown"]),
  ) as Facts["calls"];
  const { ok, verdict } = diagnose(rootFacts({ glibc: null, calls }));
  assert(!ok);
  assertEquals(
    verdict,
    "container run does not work here as root; see C library above.",
  );
});

Deno.test("atLeast() compares releases as numbers", () => {
  assert(atLeast("5.12.0", 5, 12));
  assert(atLeast("6.1.0-13-amd64", 5, 12));
  assert(!atLeast("5.4.0", 5, 12));
  assert(!atLeast("4.19", 5, 12));
  assert(!atLeast("unknown", 5, 12));
});
