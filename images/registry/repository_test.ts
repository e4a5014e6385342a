/** The registry client, against servers that do not behave. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ContainerError } from "../../spec/errors.ts";
import { digestOf } from "../spec/digest.ts";
import { content, failure, read, TestServer } from "./_server_fixture.ts";
import { parseChallenges } from "./challenge.ts";
import { RegistryError } from "./errors.ts";
import { retryAfter } from "./exchange.ts";

const MANIFEST = "/v2/a/b/manifests/1";

Deno.test("a manifest comes with its digest and type", async () => {
  await using server = new TestServer((request) =>
    new Response(request.method === "HEAD" ? null : "{}", {
      headers: {
        "docker-content-digest": digestOf("{}"),
        "content-type": "x/y",
      },
    })
  );
  const repository = server.repository();
  const { digest, mediaType } = await repository.manifest("1");
  assertEquals([digest, mediaType], [digestOf("{}"), "x/y"]);
  assertEquals(await repository.digestOf("1"), digestOf("{}"));
  await repository.manifest(digestOf("{}"));
  const error = await assertRejects(
    () => repository.manifest(digestOf("other")),
    RegistryError,
    "the registry sent a manifest with another digest",
  );
  assertEquals(typeof error.hint, "string");
});

Deno.test("errors of the specification are told in plain words", async () => {
  for (
    const [status, code, message] of [
      [
        404,
        "MANIFEST_UNKNOWN",
        "the registry has no such tag or digest (said)",
      ],
      [404, "NAME_UNKNOWN", "the registry has no such repository (said)"],
      [403, "DENIED", "access to the repository is denied (said)"],
      [401, "UNAUTHORIZED", "the registry refuses the credentials"],
      [418, "OTHER", "the registry answers with status 418 (said)"],
    ] as const
  ) {
    await using server = new TestServer(() => failure(status, code));
    const error = await assertRejects(
      () => server.repository().manifest("1"),
      RegistryError,
      message,
    );
    assertStringIncludes(
      error.message,
      `Cannot pull ${server.host}/a/b:1 from ${server.host}: `,
    );
    assertEquals(server.seen.length, 1);
  }
});

Deno.test("a message of the registry cannot control the terminal", async () => {
  await using server = new TestServer(() =>
    failure(404, "NAME_UNKNOWN", `\u001b[2J${"x".repeat(1000)}`)
  );
  const { message } = await assertRejects(
    () => server.repository().manifest("1"),
    RegistryError,
    "\\u{1b}[2Jxxx",
  );
  assertEquals(message.length < 400, true);
});

Deno.test("a busy registry is asked again after the pause that it asks for", async () => {
  let count = 0;
  await using server = new TestServer(() =>
    count++ < 2
      ? new Response(null, { status: 429, headers: { "retry-after": "7" } })
      : count++ < 4
      ? new Response(null, { status: 503 })
      : new Response("{}")
  );
  await server.repository().manifest("1");
  assertEquals(server.pauses, [7000, 7000, 2000]);
});

Deno.test("a registry that asks for a very long pause is not waited for", async () => {
  await using server = new TestServer(() =>
    new Response(null, { status: 429, headers: { "retry-after": "7200" } })
  );
  const error = await assertRejects(
    () => server.repository().manifest("1"),
    RegistryError,
    "the registry has had too many requests",
  );
  assertEquals(error.hint, "It asks to wait 120 minutes.");
  assertEquals(retryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
  assertEquals(retryAfter("soon"), null);
});

Deno.test("a registry that keeps failing is given up", async () => {
  await using server = new TestServer(() =>
    new Response(null, { status: 500 })
  );
  await assertRejects(
    () => server.repository().manifest("1"),
    RegistryError,
    "the registry answers with status 500",
  );
  assertEquals(server.seen.length, 5);
});

Deno.test("a token is fetched once, and with the user's password", async () => {
  const served: string[] = [];
  await using server: TestServer = new TestServer((request, url) => {
    if (url.pathname === "/token") {
      served.push(url.search);
      return Response.json({ token: `t${served.length}`, expires_in: 300 });
    }
    return request.headers.get("authorization") === `Bearer t${served.length}`
      ? new Response("{}")
      : new Response(null, {
        status: 401,
        headers: {
          "www-authenticate":
            `Bearer realm="http://${server.host}/token",service="reg",error="x"`,
        },
      });
  });
  const repository = server.repository({
    credentials: { user: "me", password: "secret" },
  });
  await repository.manifest("1");
  await Promise.all([repository.manifest("1"), repository.manifest("2")]);
  assertEquals(served, [
    "?service=reg&scope=repository%3Aa%2Fb%3Apull&account=me",
  ]);
  assertEquals(server.seen.slice(0, 3), [
    `GET ${MANIFEST}`,
    `GET /token Basic ${btoa("me:secret")}`,
    `GET ${MANIFEST} Bearer t1`,
  ]);
  // The registry no longer takes the token.
  served.push("expired");
  await repository.manifest("1");
  assertEquals(served.length, 3);
});

Deno.test("a password goes only where it was demanded", async () => {
  await using other = new TestServer(() => new Response("{}"));
  await using server = new TestServer((request) =>
    request.headers.has("authorization")
      ? Response.redirect(`http://${other.host}/elsewhere`, 307)
      : new Response(null, {
        status: 401,
        headers: { "www-authenticate": "Basic realm=x" },
      })
  );
  const credentials = { user: "me", password: "secret" };
  await server.repository({ credentials }).manifest("1");
  assertEquals(server.seen, [
    `GET ${MANIFEST}`,
    `GET ${MANIFEST} Basic ${btoa("me:secret")}`,
  ]);
  assertEquals(other.seen, ["GET /elsewhere"]);
  await assertRejects(
    () => server.repository().manifest("1"),
    RegistryError,
    "the registry refuses the credentials, or needs some",
  );
});

Deno.test("wrong credentials are tried once", async () => {
  await using server = new TestServer(() =>
    new Response(null, {
      status: 401,
      headers: { "www-authenticate": "Basic realm=x" },
    })
  );
  const credentials = { user: "me", password: "wrong" };
  await assertRejects(
    () => server.repository({ credentials }).manifest("1"),
    RegistryError,
  );
  assertEquals(server.seen.length, 2);
});

Deno.test("a token server without TLS is refused", async () => {
  await using server = new TestServer(() =>
    new Response(null, {
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="http://192.0.2.1/token"' },
    })
  );
  await assertRejects(
    () => server.repository().manifest("1"),
    ContainerError,
    "its token server",
  );
});

Deno.test("redirects in a circle end", async () => {
  await using server = new TestServer((_, url) =>
    new Response(null, { status: 302, headers: { location: url.pathname } })
  );
  await assertRejects(
    () => server.repository().manifest("1"),
    RegistryError,
    "redirects more than ten times",
  );
});

Deno.test("a blob that breaks off is continued where it was", async () => {
  const { bytes, descriptor } = content();
  const ranges: string[] = [];
  await using server = new TestServer((request) => {
    const range = request.headers.get("range") ?? "";
    ranges.push(range);
    const from = Number(/\d+/.exec(range)?.[0] ?? 0);
    return broken(bytes.subarray(from), 30_000, {
      status: from ? 206 : 200,
      headers: {
        "content-length": `${bytes.length - from}`,
        "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      },
    });
  });
  const got = await read(server.repository().blob(descriptor));
  assertEquals(digestOf(got), descriptor.digest);
  assertEquals(ranges.length > 2, true);
});

/** An answer that ends after some bytes. */
function broken(bytes: Uint8Array, after: number, init: ResponseInit) {
  let at = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) controller.close();
        else if (at >= after) controller.error(new Error("cut"));
        else controller.enqueue(bytes.slice(at, at += 10_000));
      },
    }),
    init,
  );
}

Deno.test("a registry without ranges sends a blob anew", async () => {
  const { bytes, descriptor } = content();
  let count = 0;
  await using server = new TestServer(() =>
    count++
      ? new Response(bytes)
      : broken(bytes, 30_000, { headers: { "content-length": "100000" } })
  );
  const got = await read(server.repository().blob(descriptor));
  assertEquals(digestOf(got), descriptor.digest);
});

Deno.test("a blob of another length is refused at once", async () => {
  const { bytes, descriptor } = content();
  for (const length of [bytes.length - 1, bytes.length + 1]) {
    await using server = new TestServer(() =>
      new Response(new Uint8Array(length))
    );
    await assertRejects(
      () => read(server.repository().blob(descriptor)),
      RegistryError,
      "another number of bytes",
    );
  }
});

Deno.test("a registry that stays silent about the rest is given up", async () => {
  const { bytes, descriptor } = content();
  await using server = new TestServer((request) =>
    request.headers.has("range")
      ? new Response(null, { status: 502 })
      : broken(bytes, 10_000, { headers: { "content-length": "100000" } })
  );
  await assertRejects(
    () => read(server.repository().blob(descriptor)),
    RegistryError,
    "status 502",
  );
});

Deno.test("a signal ends everything", async () => {
  const controller = new AbortController();
  await using server = new TestServer(() => {
    controller.abort(new Error("enough"));
    return new Response(null, { status: 500 });
  });
  await assertRejects(
    () => server.repository({ signal: controller.signal }).manifest("1"),
    Error,
    "enough",
  );
});

Deno.test("tags come page by page, and a registry that repeats itself is left", async () => {
  await using server: TestServer = new TestServer((_, { searchParams }) => {
    const last = Number(searchParams.get("last") ?? 0);
    const tags = [`v${last + 1}`, `v${last + 2}`, "not a tag", 7];
    const next = Math.min(last + 2, 4);
    return Response.json({ name: "a/b", tags }, {
      headers: {
        link: `</v2/a/b/tags/list?n=2&last=${next}>; rel="next"`,
      },
    });
  });
  assertEquals(
    await server.repository().tags(),
    ["v1", "v2", "v3", "v4", "v5", "v6"],
  );
  assertEquals(server.seen.length, 4);
});

Deno.test("challenges are read as RFC 9110 writes them", () => {
  assertEquals(
    parseChallenges('Bearer realm="a,b",service=x, Basic realm="\\"q\\""'),
    [
      { scheme: "bearer", parameters: { realm: "a,b", service: "x" } },
      { scheme: "basic", parameters: { realm: '"q"' } },
    ],
  );
  assertEquals(parseChallenges("Negotiate"), [
    { scheme: "negotiate", parameters: {} },
  ]);
  assertEquals(parseChallenges('"quoted" first'), []);
});
