/** Ports of a sandbox: fetch(), exposeHttp() and the option port. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { OptionError, type Sandbox } from "../../mod.ts";
import { until, without } from "../_harness.ts";
import { asUser, create, test } from "./_sandbox.ts";

const SERVER = ["httpd", "-f", "-p", "127.0.0.1:3000", "-h", "/home/sandbox"];

async function serve(sandbox: Sandbox): Promise<void> {
  await sandbox.fs.writeTextFile("page", "a page");
  await sandbox.fs.writeFile("large", new Uint8Array(2_000_000).fill(7));
  await sandbox.fs.mkdir("dir");
  await sandbox.fs.writeTextFile("dir/index.html", "an index");
  await sandbox.spawn(SERVER[0]!, { args: SERVER.slice(1) });
  await until("the server answers", async () => {
    const response = await sandbox.fetch("http://localhost:3000/page")
      .catch(() => null);
    await response?.body?.cancel();
    return response !== null;
  });
}

test("fetch() and exposeHttp() reach what listens inside", async () => {
  // A client reads it when it is made; there is no proxy.
  Deno.env.set("HTTP_PROXY", "http://127.0.0.1:9");
  await using sandbox = await create({ port: 3000 })
    .finally(() => Deno.env.delete("HTTP_PROXY"));
  await serve(sandbox);
  const page = await sandbox.fetch("http://localhost:3000/page");
  assertEquals([page.status, await page.text()], [200, "a page"]);
  const index = await sandbox.fetch(new URL("http://127.0.0.1:3000/dir"));
  assertEquals(await index.text(), "an index", "a redirect is followed");
  const large = await sandbox.fetch("http://localhost:3000/large");
  const bytes = await large.bytes();
  assertEquals([bytes.length, bytes.every((byte) => byte === 7)], [
    2_000_000,
    true,
  ]);
  const url = await sandbox.exposeHttp({ port: 3000 });
  assertEquals(url, sandbox.url);
  const outer = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    assertEquals(
      await (await fetch(`${url}/page`, { client: outer })).text(),
      "a page",
    );
    for (
      const other of [
        "http://example.com/",
        "https://localhost/",
        "http://10.0.0.1/",
      ]
    ) {
      await assertRejects(() => sandbox.fetch(other), Deno.errors.NotCapable);
    }
    await assertRejects(
      () => sandbox.fetch("http://localhost:3001/"),
      TypeError,
    );
    await assertRejects(() => sandbox.exposeHttp({ port: 0 }), OptionError);
    await sandbox.kill();
    await assertRejects(() => fetch(url, { client: outer }), TypeError);
  } finally {
    outer.close();
  }
});

test("a port that is none ends create(), and the sandbox", async () => {
  await assertRejects(() => create({ port: 70_000 }), OptionError);
  await assertRejects(
    () => create({ port: 0, timeout: "10m" }),
    OptionError,
  );
});

test("a port of a user's sandbox can be reached", async () => {
  const stdout = await asUser(`
    await using sandbox = await create();
    await sandbox.fs.writeTextFile("page", "a page");
    await sandbox.spawn("httpd", { args: ["-f", "-p", "127.0.0.1:3000", "-h", "/home/sandbox"] });
    for (;;) {
      const response = await sandbox.fetch("http://localhost:3000/page").catch(() => null);
      if (response) { console.log(await response.text()); break; }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await sandbox.kill();
    Deno.exit(0);`);
  assertEquals(stdout, "a page\n");
}, { skip: without("setpriv") });
