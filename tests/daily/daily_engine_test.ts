/** Containers that `create` made in the same store: they belong to their engine. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { Daily } from "../_daily.ts";
import { CONTAINER, test, until } from "../_harness.ts";

/** As Podman creates them, which passes no --root. */
const ENGINES = "7e".repeat(32);

/** Runs `create`, whose streams the container keeps. */
async function create(daily: Daily, bundle: Bundle, id: string): Promise<void> {
  const [program = "", ...words] = CONTAINER;
  const { code } = await new Deno.Command(program, {
    args: [...words, "--root", daily.root, "create", id, "-b", bundle.dir.path],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  assertEquals(code, 0);
}

test("stop, kill, rm and other commands leave an engine's container to its engine", async () => {
  await using bundle = await Bundle.make(["true"]);
  await using daily = new Daily();
  await create(daily, bundle, ENGINES);
  const status = async () =>
    JSON.parse(await daily.does("state", ENGINES)).status;
  const refused = async (text: string, ...words: string[]) => {
    const { status, stderr } = await daily.call(...words);
    assertEquals(status, 125, stderr);
    assertStringIncludes(stderr, text);
  };
  // Created but not started, and stopped.
  for (const [state, next] of [["created", "start"], ["stopped", "delete"]]) {
    await until(state!, async () => await status() === state);
    assertEquals(await daily.does("prune", "-f"), "");
    assertEquals(
      await daily.does("prune", "-f", "--filter", `id=${ENGINES}`),
      "",
    );
    const owner = `Cannot remove ${ENGINES}: it was created by \`create\``;
    await refused(owner, "rm", ENGINES);
    await refused(owner, "rm", ENGINES, "--force");
    await refused("container delete", "rm", ENGINES);
    await refused("it was created by `create`", "restart", ENGINES);
    await refused("it has only an ID", "rename", ENGINES, "mine");
    assertEquals(await status(), state);
    // A short id that is typed for a container of ours does not match one of an
    // engine.
    await refused("does not exist: 7e7e", "stop", "7e7e");
    assertStringIncludes(await daily.does("ps", "-a"), ENGINES.slice(0, 12));
    const [known] = JSON.parse(
      await daily.does("inspect", ENGINES.slice(0, 12)),
    );
    assertEquals(known.Id, ENGINES);
    await daily.does(next!, ENGINES);
  }
  assertEquals(daily.left(), []);
});

test("start with several ids starts containers of create as well", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  await using daily = new Daily();
  await daily.run("--name", "mine", "true");
  await create(daily, bundle, ".one");
  try {
    assertEquals(await daily.does("start", ".one", "mine"), ".one\nmine\n");
    const { status } = JSON.parse(await daily.does("state", ".one"));
    assertEquals(status, "running");
  } finally {
    await daily.does("delete", ".one", "--force");
  }
});
