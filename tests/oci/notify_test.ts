/** SCMP_ACT_NOTIFY: an agent of the engine answers system calls of a container. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { execute, REPOSITORY, test as hostTest, without } from "../_harness.ts";
import { Session } from "../_session.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("gcc") });

const ASKED = ["mkdir", "mkdirat"];

/** A bundle whose calls are sent to a socket in its directory. */
function asking(
  script: string,
  seccomp: Record<string, unknown>,
  change: (config: Config) => void = () => {},
): Promise<Bundle> {
  return Bundle.make(["sh", "-c", script], (config) => {
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ASKED, action: "SCMP_ACT_NOTIFY" }],
      ...seccomp,
    };
    change(config);
  });
}

async function nameSocket(bundle: Bundle): Promise<string> {
  const socket = `${bundle.dir.path}/agent.sock`;
  const file = `${bundle.dir.path}/config.json`;
  const config = JSON.parse(await Deno.readTextFile(file));
  config.linux.seccomp.listenerPath = socket;
  config.linux.seccomp.listenerMetadata = "some words";
  await Deno.writeTextFile(file, JSON.stringify(config));
  return socket;
}

async function startAgent(bundle: Bundle): Promise<Session> {
  const socket = await nameSocket(bundle);
  const program = `${bundle.dir.path}/agent`;
  const built = await execute([
    ...["gcc", "-o", program, `${REPOSITORY}/tests/_agent.c`],
  ]);
  assertEquals(built.stderr, "");
  const agent = new Session([program, socket]);
  await agent.expect(/listening\n/);
  return agent;
}

const CALL = Deno.build.arch === "x86_64" ? 83 : 34;

for (const noNewPrivileges of [true, false]) {
  test(`an agent gets the listener and answers, ${noNewPrivileges ? "with" : "without"} no_new_privs`, async () => {
    await using bundle = await asking(
      "mkdir /tmp/new 2>/tmp/said; sleep 1000",
      {
        // The agent also has to answer the calls that send it the listener.
        syscalls: [{
          names: [...ASKED, ...(noNewPrivileges ? ["sendmsg", "dup3"] : [])],
          action: "SCMP_ACT_NOTIFY",
        }],
      },
      (config) => {
        Object.assign(config.process, { noNewPrivileges });
        Object.assign(config, { root: { path: "rootfs", readonly: false } });
      },
    );
    await using agent = await startAgent(bundle);
    await bundle.create("one");
    const [line] = await agent.expect(/^\{.*\}\n/);
    const told = JSON.parse(line);
    const state = JSON.parse(await bundle.does("state", "one"));
    assertEquals(
      [told.ociVersion, told.fds, told.metadata, told.pid],
      ["1.3.0", ["seccompFd"], "some words", state.pid],
    );
    assertEquals(
      [told.state.id, told.state.status, told.state.pid, told.state.bundle],
      ["one", "creating", state.pid, bundle.dir.path],
    );
    assertEquals(state.status, "created");
    await bundle.does("start", "one");
    await agent.expect(new RegExp(`call ${CALL}\n`));
    // A process that exec adds has a listener of its own.
    const ended = await bundle.call("exec", "one", "mkdir", "/tmp/more");
    assertEquals(ended.status, 1);
    assertStringIncludes(ended.stderr.toLowerCase(), "cross-device link");
    const [second] = await agent.expect(/\{.*\}\n/);
    assertEquals(JSON.parse(second).state.status, "running");
    await bundle.does("delete", "--force", "one");
    const said = await Deno.readTextFile(`${bundle.dir.path}/rootfs/tmp/said`);
    assertStringIncludes(said.toLowerCase(), "cross-device link");
  });
}

test("create refuses a configuration without an agent, and leaves nothing", async () => {
  await using bundle = await asking("true", {});
  const create = () =>
    bundle.call("create", "--bundle", bundle.dir.path, "one");
  const unnamed = await create();
  assertEquals(unnamed.status, 125);
  assertStringIncludes(unnamed.stderr, "linux.seccomp.listenerPath: missing");
  await nameSocket(bundle);
  const silent = await create();
  assertEquals(silent.status, 125);
  assertStringIncludes(silent.stderr, "Cannot connect to the socket");
  assertEquals(JSON.parse(await bundle.does("list", "-f", "json")), []);
});

test("create refuses a startContainer hook with an agent's filter, and leaves nothing", async () => {
  const hooks = { startContainer: [{ path: "/bin/true" }] };
  await using bundle = await asking(
    "true",
    {},
    (config) => Object.assign(config, { hooks }),
  );
  await nameSocket(bundle);
  const { status, stderr } = await bundle.call(
    ...["create", "--bundle", bundle.dir.path, "one"] as const,
  );
  assertEquals([status, stderr], [
    125,
    "container: hooks.startContainer cannot be used with SCMP_ACT_NOTIFY: no agent would answer the calls of the hooks. Use hooks.createContainer, or another action.\n",
  ]);
  assertEquals(await bundle.does("list", "-f", "json"), "[]\n");
});
