/** The registry client, against servers that want more than they should get. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { content, TestServer } from "./_server_fixture.ts";
import { RegistryError } from "./errors.ts";
import { Uploads } from "./upload.ts";

const CREDENTIALS = { user: "me", password: "secret" };

const demands = (challenge: string) =>
  new Response(null, {
    status: 401,
    headers: { "www-authenticate": challenge },
  });

const isTold = ({ seen }: TestServer, secret: string) =>
  seen.some((line) => line.includes(secret));

Deno.test("a host that a registry redirects to cannot ask for the password", async () => {
  for (const scheme of ["Basic realm=x", "token server"]) {
    await using thief: TestServer = new TestServer(() =>
      demands(
        scheme === "token server"
          ? `Bearer realm="http://${thief.host}/token"`
          : scheme,
      )
    );
    await using server = new TestServer(() =>
      Response.redirect(`http://${thief.host}/v2/blob`, 307)
    );
    await assertRejects(
      () => server.repository({ credentials: CREDENTIALS }).manifest("1"),
      RegistryError,
      "refuses the credentials",
    );
    assertEquals(thief.seen, ["GET /v2/blob"]);
    assertEquals(isTold(server, "Basic"), false);
  }
});

Deno.test("a token server that redirects does not pass the identity token on", async () => {
  const bodies: string[] = [];
  await using thief = new TestServer(async (request) => {
    bodies.push(await request.text());
    return Response.json({ token: "t" });
  });
  await using server: TestServer = new TestServer((_, { pathname }) =>
    pathname === "/token"
      ? Response.redirect(`http://${thief.host}/token`, 307)
      : demands(`Bearer realm="http://${server.host}/token"`)
  );
  const credentials = { ...CREDENTIALS, identityToken: "identity" };
  await assertRejects(
    () => server.repository({ credentials }).manifest("1"),
    RegistryError,
    "redirects to another host",
  );
  assertEquals(bodies, []);
});

Deno.test("the next page of tags is one of the same registry", async () => {
  await using other = new TestServer(() => Response.json({ tags: ["x"] }));
  for (
    const place of [
      `http://${other.host}/v2/a/b/tags/list?last=1`,
      `file:///v2/a/b/tags/list?last=1`,
      `//${other.host}/v2/a/b/tags/list?last=1`,
    ]
  ) {
    await using server = new TestServer((_, { search }) =>
      search.includes("last")
        ? Response.json({ tags: ["v2"] })
        : Response.json({ tags: ["v1"] }, {
          headers: { link: `<${place}>; rel="next"` },
        })
    );
    // A proxy can make the registry believe that it has another name.
    assertEquals(await server.repository().tags(), ["v1", "v2"]);
  }
  assertEquals(other.seen, []);
});

Deno.test("a registry that falls silent inside an answer is given up", async () => {
  await using server = new TestServer(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(Uint8Array.of(0x7b)),
      }),
    )
  );
  const repository = server.repository({ silence: 50 });
  for (const act of [() => repository.manifest("1"), () => repository.tags()]) {
    await assertRejects(act, RegistryError, "it does not answer in time");
  }
});

Deno.test("a registry that forgets each part of an upload is given up", async () => {
  let count = 0;
  await using server: TestServer = new TestServer(async (request) => {
    await request.body?.cancel();
    const headers = { location: "/v2/a/b/blobs/uploads/1" };
    switch (request.method) {
      case "HEAD":
        return new Response(null, { status: 404 });
      case "POST":
        return new Response(null, { status: 202, headers });
      case "GET":
        return new Response(null, { status: 204, headers });
    }
    assertEquals(count < 50, true);
    const status = count++ % 2 ? 416 : 202;
    return new Response(null, { status, headers });
  });
  const path = await Deno.makeTempFile();
  try {
    await Deno.truncate(path, 9 << 20);
    await assertRejects(
      () =>
        new Uploads(server.repository()).blob(
          { ...content(1).descriptor, size: 9 << 20 },
          { path },
        ),
      RegistryError,
      "it refuses each part",
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("the place of an upload cannot be a file, or without the registry's TLS", async () => {
  for (const location of ["file:///etc/passwd", "data:,x", "ftp://x/"]) {
    await using server = new TestServer((request) =>
      new Response(null, {
        status: request.method === "HEAD" ? 404 : 202,
        headers: { location },
      })
    );
    await assertRejects(
      () =>
        new Uploads(server.repository()).blob(content(1).descriptor, {
          path: "/dev/null",
        }),
      RegistryError,
      "names no place for the upload",
    );
  }
});
