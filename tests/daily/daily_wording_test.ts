/** The words in which commands speak of a container. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { rootfs, test } from "../_harness.ts";
import { Daily } from "../_daily.ts";

test("errors use the name of a container, and point to one list", async () => {
  await using daily = new Daily();
  await daily.run("--name", "web", "true");
  await daily.is("web", "exited");
  const said = async (...words: string[]) => {
    const { status, stdout, stderr } = await daily.call(...words);
    assertEquals([status, stdout], [125, ""], words.join(" "));
    return stderr;
  };
  for (
    const [words, more] of [
      [["kill"], ". `container ps -a` shows how it ended."],
      [["pause"], " has stopped"],
      [["update", "--memory", "64m"], " has stopped"],
    ] as const
  ) {
    assertEquals(
      await said(...words, "web"),
      `container: container not running: web${more}\n`,
    );
  }
  assertEquals(
    await said("top", "web"),
    "container: Cannot list the processes of web: it has exited. Start it: container start web\n",
  );
  // An error has the word that was typed, and not the ID.
  assertEquals(
    await said("exec", "web", "true"),
    "container: cannot exec in a stopped container: web. Its first process and its namespaces have ended.\n",
  );
  assertEquals(
    await said("attach", "web"),
    "container: Cannot attach to web: it is not running. Start it: container start web\n",
  );
  assertEquals(
    await said("delete", "web"),
    "container: container delete takes an ID, and web is the name of a container. container rm web removes it.\n",
  );
  for (const command of ["kill", "rm", "logs", "start", "state", "pause"]) {
    assertEquals(
      await said(command, "nosuch"),
      "container: container does not exist: nosuch. `container ps -a` lists the containers.\n",
      command,
    );
  }
  await daily.does("rm", "web");
});

test("the hostname of a container with a record is its short ID or the chosen one", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "web", "sh", "-c", "hostname; sleep 99");
  await daily.says("web", `${id.trim().slice(0, 12)}\n`);
  await daily.does("rm", "-f", "web");

  const front = ["run", "-q", "--rootfs", rootfs(), "--name", "web", "--rm"];
  const words = "hostname; echo $HOSTNAME; grep -c $HOSTNAME /etc/hosts";
  const named = await daily.does(...front, "sh", "-c", words);
  const [hostname = "", variable, count] = named.trim().split("\n");
  assertEquals([/^[0-9a-f]{12}$/.test(hostname), variable, count], [
    true,
    hostname,
    "1",
  ]);
  assertEquals(await daily.does(...front, "-h", "box", "hostname"), "box\n");
  assertEquals(
    await daily.does(...front, "--uts", "host", "hostname"),
    `${Deno.hostname()}\n`,
  );
});
