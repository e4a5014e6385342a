// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SourceError } from "../rootfs/errors.ts";
import { sha256Hex } from "../rootfs/verify.ts";
import { parse, RootfsUsageError } from "./rootfs.ts";
import { cachePath, readCache, writeCache } from "./rootfs_cache.ts";
import { download } from "./rootfs_download.ts";

Deno.test("parse() fills in the defaults", () => {
  assertEquals(parse([]), {
    options: {
      out: "fs",
      busybox: undefined,
      force: false,
      minimal: false,
      offline: false,
    },
    debug: false,
  });
});

Deno.test("parse() reads every option", () => {
  const args = "--out=x --busybox b --force --minimal --offline --debug";
  assertEquals(parse(args.split(" ")), {
    options: {
      out: "x",
      busybox: "b",
      force: true,
      minimal: true,
      offline: true,
    },
    debug: true,
  });
  assertEquals(parse(["--help", "--nonsense"]), "help");
  assertEquals(parse(["-h"]), "help");
});

Deno.test("parse() refuses unknown options", () => {
  for (
    const args of [
      ["--nonsense"],
      ["fs"],
      ["--", "fs"],
      ["-x"],
      ["--out"],
      ["--out="],
      ["--out", "a", "--out", "b"],
      ["--busybox"],
    ]
  ) {
    assertThrows(() => parse(args), RootfsUsageError);
  }
});

Deno.test("cachePath() follows the XDG rules", () => {
  const path = (env: Record<string, string>) => cachePath((name) => env[name]);
  assertEquals(path({ HOME: "/h" }), "/h/.cache/container/busybox");
  assertEquals(
    path({ HOME: "/h", XDG_CACHE_HOME: "/c" }),
    "/c/container/busybox",
  );
  assertEquals(
    path({ HOME: "/h", XDG_CACHE_HOME: "relative" }),
    "/h/.cache/container/busybox",
  );
  assertEquals(path({}), null);
});

async function withDirectory(run: (dir: string) => Promise<void>) {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("readCache() returns and rechecks what writeCache() stored", () =>
  withDirectory(async (parent) => {
    const dir = `${parent}/container/busybox`;
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    const bytes = new TextEncoder().encode("busybox");
    await writeCache(dir, "x86_64", bytes, say);
    const path = `${dir}/x86_64-${await sha256Hex(bytes)}`;
    assertEquals(await readCache(dir, "x86_64", say), bytes);
    assertEquals(((await Deno.stat(dir)).mode ?? 0) & 0o7777, 0o700);
    assertEquals(said, []);
    await assertRejects(() => readCache(dir, "aarch64", say), SourceError);

    await Deno.writeTextFile(path, "tampered");
    await assertRejects(
      () => readCache(dir, "x86_64", say),
      SourceError,
      "it contains nothing",
    );
    assert(said[0]?.startsWith(`Removed ${path} from the cache`));
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  }));

Deno.test("readCache() does not trust a directory that others can write", () =>
  withDirectory(async (dir) => {
    await writeCache(dir, "x86_64", new Uint8Array(1), () => {});
    await Deno.chmod(dir, 0o777);
    await assertRejects(
      () => readCache(dir, "x86_64", () => {}),
      SourceError,
      "other users can write",
    );
  }));

Deno.test("writeCache() only warns if it cannot write", () =>
  withDirectory(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "");
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    await writeCache(`${dir}/file`, "x86_64", new Uint8Array(1), say);
    assertEquals(said.length, 1);
  }));

async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  run: (served: { url: string }) => Promise<void>,
) {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    handler,
  );
  try {
    await run({ url: `http://127.0.0.1:${server.addr.port}/busybox` });
  } finally {
    await server.shutdown();
  }
}

const LIMITS = { name: "test", maxBytes: 1000, connectMs: 200, totalMs: 400 };

Deno.test("download() returns the bytes", () =>
  withServer(() => new Response("x".repeat(1000)), async ({ url }) => {
    assertEquals((await download(url, LIMITS)).length, 1000);
  }));

Deno.test("download() explains a status, a size, a refusal and a bad address", async () => {
  await withServer(
    () => new Response("no", { status: 404 }),
    async ({ url }) => {
      const get = () => download(url, LIMITS);
      await assertRejects(get, SourceError, "answered with status 404");
    },
  );
  await withServer(
    () => new Response("x".repeat(1001)),
    async ({ url }) => {
      const get = () => download(url, LIMITS);
      await assertRejects(get, SourceError, "too large");
    },
  );
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const refused = () => download(`http://127.0.0.1:${port}/b`, LIMITS);
  await assertRejects(refused, SourceError, "Connection refused");
  await assertRejects(() => download("nonsense", LIMITS), SourceError);
});

Deno.test("download() does not wait forever for a response or its end", async () => {
  // Accepts the connection but never answers.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const silent = `http://127.0.0.1:${listener.addr.port}/b`;
  await assertRejects(
    () => download(silent, LIMITS),
    SourceError,
    "no answer within 0.2 s",
  );
  listener.close();

  let timer: ReturnType<typeof setInterval> | undefined;
  const drip = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          timer = setInterval(() => {
            try {
              controller.enqueue(new Uint8Array(1));
            } catch {
              // The client has closed the connection.
            }
          }, 50);
        },
        cancel: () => clearInterval(timer),
      }),
    );
  await withServer(drip, async ({ url }) => {
    await assertRejects(
      () => download(url, LIMITS),
      SourceError,
      "not done within 0.4 s",
    );
  });
  clearInterval(timer);
});
