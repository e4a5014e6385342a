/** tmpcopyup, which podman asks of every tmpfs. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "./_bundle.ts";
import { test } from "./_harness.ts";

const made = (destination: string) =>
  Bundle.make(["true"], (config) => {
    config.mounts.push({
      destination,
      type: "tmpfs",
      options: ["rw", "size=1m", "tmpcopyup"],
    });
  });

test("create mounts a tmpfs over what is empty or not there, with nothing to copy", async () => {
  for (const place of ["/tmp", "/none"]) {
    await using bundle = await made(place);
    await bundle.create("one");
    const { pid } = JSON.parse(await bundle.does("state", "one"));
    assertStringIncludes(
      await Deno.readTextFile(`/proc/${pid}/mountinfo`),
      ` ${place} rw,`,
    );
  }
});

test("create refuses a tmpfs that would have to have copies in it", async () => {
  await using bundle = await made("/etc");
  const { status, stderr } = await bundle.call(
    ...["create", "--bundle", bundle.dir.path, "one"] as const,
  );
  assertEquals(status, 125);
  assertStringIncludes(stderr, "tmpcopyup is not supported where");
});
