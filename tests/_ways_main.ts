/** Runs the probe of tests/_probe.c through the library, for tests/_ways.ts. */

import { run } from "../mod.ts";

const [rootfs = ""] = Deno.args;
await using container = await run({
  rootfs,
  command: ["/probe"],
  stdout: "piped",
  stderr: "inherit",
});
await container.stdout.pipeTo(Deno.stdout.writable);
Deno.exitCode = (await container.status).code;
