/** Pulls that go wrong: what they say, and what they leave. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import {
  container,
  execute,
  NOBODY,
  Nobody,
  test,
  until,
  without,
} from "../_harness.ts";
import { does, ImageBox, SampleImage } from "./_image_store.ts";
import { type Fault, NO_REGISTRY, Proxy, Registry } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci");

/** A registry with an image, and a proxy in front of it. */
async function setUp(megabytes?: number) {
  const stack = new AsyncDisposableStack();
  const registry = stack.use(await Registry.start());
  const proxy = stack.use(new Proxy(registry.host));
  const sample = stack.use(await SampleImage.make(megabytes));
  const box = stack.use(new ImageBox());
  await sample.put(`${registry.host}/app:1`);
  return {
    registry,
    proxy,
    box,
    name: `${proxy.host}/app:1`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A fault of the first answers with a blob. */
function faultOfBlobs(
  proxy: Proxy,
  times: number,
  change: (response: Response, request: Request) => Response,
): Fault {
  let count = 0;
  return async (request, url) => {
    if (!/\/blobs\/sha256/.test(url.pathname) || request.method !== "GET") {
      return null;
    }
    if (count++ >= times) return null;
    return change(await proxy.pass(request, url), request);
  };
}

/** The answer, but the connection breaks after some bytes. */
function cut(response: Response, after: number): Response {
  let sent = 0;
  const cutting = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      controller.enqueue(bytes.subarray(0, after - sent));
      sent += bytes.length;
      if (sent >= after) controller.error(new Error("cut"));
    },
  });
  return new Response(response.body?.pipeThrough(cutting), response);
}

test("a pull goes on where the connection broke", async () => {
  await using world = await setUp(3);
  const { proxy, box, name } = world;
  const ranges: string[] = [];
  proxy.fault = faultOfBlobs(proxy, 4, (response, request) => {
    ranges.push(request.headers.get("range") ?? "");
    return Number(response.headers.get("content-length")) > 1 << 20
      ? cut(response, 1 << 20)
      : response;
  });
  await box.does("pull", "-q", name);
  assertEquals(ranges.filter((range) => range !== "").length > 0, true);
  assertEquals(box.left(), [4, 2, 0]);
}, { skip });

test("a pull waits for a registry that is busy or ill", async () => {
  await using world = await setUp();
  const { proxy, box, name } = world;
  let count = 0;
  proxy.fault = () =>
    count++ === 0
      ? new Response(null, { status: 429, headers: { "retry-after": "1" } })
      : count === 3
      ? new Response(null, { status: 500 })
      : null;
  const { status, stderr } = await box.call("pull", name);
  assertEquals(status, 0, stderr);
  assertMatch(stderr, /too many requests; trying again in 1 s/);
}, { skip });

test(
  "a pull verifies every byte, and leaves nothing if one is wrong",
  async () => {
    await using world = await setUp();
    const { proxy, box, name } = world;
    const replaced =
      (change: (bytes: Uint8Array) => Uint8Array): Fault =>
      async (request, url) => {
        const response = await proxy.pass(request, url);
        if (!/\/blobs\//.test(url.pathname) || request.method !== "GET") {
          return response;
        }
        const bytes = change(await response.bytes());
        return new Response(new Uint8Array(bytes), { status: response.status });
      };
    for (
      const [fault, message] of [
        [
          replaced((bytes) => bytes.with(bytes.length - 1, 1)),
          /has another digest/,
        ],
        [replaced((bytes) => bytes.subarray(1)), /another number of bytes/],
        [
          replaced((bytes) => new Uint8Array([...bytes, 0])),
          /another number of bytes/,
        ],
        [
          (_: Request, url: URL) =>
            /\/manifests\//.test(url.pathname)
              ? new Response("<html>hello</html>")
              : null,
          /Cannot use the manifest of .*: it is not JSON/,
        ],
        [
          (_: Request, url: URL) =>
            /\/blobs\//.test(url.pathname)
              ? new Response(null, { status: 404 })
              : null,
          /status 404/,
        ],
        [
          () => new Response(null, { status: 401 }),
          /refuses the credentials/,
        ],
        [() => new Response(null, { status: 403 }), /access .* is denied/],
      ] as const
    ) {
      proxy.fault = fault;
      assertMatch(await box.fails("pull", name), message);
      assertEquals(box.left(), [0, 0, 0]);
    }
    proxy.fault = () => null;
    await box.does("pull", "-q", name);
  },
  { skip },
);

test("a redirect gets no credentials of the registry", async () => {
  await using world = await setUp();
  const { registry, proxy, box, name } = world;
  await using elsewhere = new Proxy(registry.host);
  proxy.fault = (request, url) => {
    if (!request.headers.has("authorization")) {
      return new Response(null, {
        status: 401,
        headers: { "www-authenticate": "Basic realm=test" },
      });
    }
    return /\/blobs\//.test(url.pathname)
      ? Response.redirect(`http://${elsewhere.host}${url.pathname}`, 307)
      : null;
  };
  await box.does("pull", "-q", "--creds", "a:b", name);
  assertEquals(elsewhere.seen.length, 3);
  assertEquals(elsewhere.authorized, []);
  assertEquals(proxy.authorized.length > 3, true);
}, { skip });

test("a pull that is killed leaves nothing that stays", async () => {
  await using world = await setUp(3);
  const { proxy, box, name } = world;
  let hold: (() => void) | undefined;
  for (const after of [0, 1, 2]) {
    let count = 0;
    const held = new Promise<void>((resolve) => hold = resolve);
    let isReached = false;
    proxy.fault = async (_, url) => {
      if (!/\/blobs\//.test(url.pathname) || count++ < after) return null;
      isReached = true;
      await held;
      return new Response(null, { status: 500 });
    };
    const [program = "", ...args] = box.words("pull", "-q", name);
    const child = new Deno.Command(program, {
      args,
      env: box.env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("the pull waits", () => isReached);
    child.kill("SIGKILL");
    await child.status;
    hold?.();
  }
  proxy.fault = () => null;
  await box.does("image", "prune", "-f");
  assertEquals(box.left(), [0, 0, 0]);
  await box.does("pull", "-q", name);
  assertEquals(box.left(), [4, 2, 0]);
}, { skip });

test("pulls, rmi and prune at the same time leave a whole store", async () => {
  await using world = await setUp(2);
  const { box, name, registry } = world;
  const other = `${registry.host}/app:1`;
  await box.does("pull", "-q", name);
  const pulls = Array.from({ length: 3 }, () => box.does("pull", "-q", name));
  const removals = Array.from({ length: 3 }, async () => {
    await box.call("rmi", "-f", name);
    await box.does("image", "prune", "-f", "-a");
  });
  await Promise.all([...pulls, ...removals, box.does("pull", "-q", other)]);
  await box.does("pull", "-q", name);
  assertEquals(box.left(), [4, 2, 0]);
  await does([
    ...["skopeo", "copy", "--quiet", `oci:${box.store}:${name}`],
    `dir:${box.dir.path}/copy`,
  ]);
  await box.call("rmi", name, other);
  assertEquals(box.left(), [0, 0, 0]);
}, { skip });

test("Ctrl-C ends a pull, and nothing stays", async () => {
  await using world = await setUp();
  const { proxy, box, name } = world;
  proxy.fault = (_, url) =>
    /\/blobs\//.test(url.pathname)
      ? new Promise((resolve) =>
        setTimeout(() => resolve(new Response(null, { status: 500 })), 3000)
      )
      : null;
  const { status, stdout } = await execute([
    ...["timeout", "-s", "INT", "1", ...box.words("pull", name)],
  ], { env: box.env });
  assertEquals([status, stdout], [124, ""]);
  assertEquals(box.left(), [0, 0, 0]);
}, { skip });

test("a full disk ends a pull with one line, and nothing stays", async () => {
  await using world = await setUp();
  const { box, name } = world;
  const disk = `${box.dir.path}/disk`;
  await Deno.mkdir(disk);
  await does(["mount", "-t", "tmpfs", "-o", "size=500k,mode=700", "x", disk]);
  try {
    const { status, stdout, stderr } = await container(
      ["--store", `${disk}/store`, "pull", "--quiet", name],
      { env: box.env },
    );
    assertEquals([status, stdout], [125, ""]);
    assertMatch(stderr, /^container: Cannot .*no space left on device.*\n$/);
    assertMatch(stderr, /Free some space/);
    for (const name of ["work", "blobs/sha256", "layers"]) {
      const left = await Array.fromAsync(Deno.readDir(`${disk}/store/${name}`));
      assertEquals(left, [], name);
    }
  } finally {
    await does(["umount", disk]);
  }
}, { skip });

test("a user without rights pulls into the home directory", async () => {
  await using world = await setUp();
  await using nobody = await Nobody.make();
  const { box, name } = world;
  await Deno.chown(box.home, NOBODY, NOBODY);
  const call = (...words: string[]) =>
    container(words, {
      before: nobody.before,
      env: { ...box.env, DENO_DIR: nobody.env.DENO_DIR! },
    });
  const pulled = await call("pull", "-q", name);
  assertEquals(pulled, { ...pulled, status: 0, stdout: `${name}\n` });
  const { stdout } = await call("image", "inspect", name);
  const [{ GraphDriver: { Data: { LowerDirs: [lower] } } }] = JSON.parse(
    stdout,
  );
  assertEquals(
    lower.startsWith(`${box.home}/.local/share/container/layers/`),
    true,
  );
  assertEquals((await Deno.stat(`${lower}/etc/file`)).uid, NOBODY);
  const denied = await call("--store", world.registry.dir.path, "images");
  assertEquals([denied.status, denied.stdout], [125, ""]);
  assertMatch(denied.stderr, /Cannot keep images in .*--store\.\n$/);
  assertEquals((await call("rmi", "-q", name)).status, 0);
}, { skip });
