/** The library in the program of an ordinary user. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { NOBODY, REPOSITORY, test, without } from "../_harness.ts";
import { asOrdinaryUser } from "../_library.ts";

/**
 * Runs a program of that user, with `run`, `rootfs` and `text`; returns its
 * output.
 */
const program = (body: string): Promise<string> =>
  asOrdinaryUser((rootfs) =>
    `import { CommandError, ContainerError, plan, run, SpecError } from "${REPOSITORY}/mod.ts";
     const rootfs = ${JSON.stringify(rootfs)};
     // Without sockets: the runtime makes a pair when it likes, and we none.
     const open = () => [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
       try {
         return [name + " " + Deno.readLinkSync("/proc/self/fd/" + name)];
       } catch {
         return [];
       }
     }).filter((file) => !file.includes("socket"));
     async function text(script, options) {
       await using container = await run({
         rootfs, command: ["sh", "-c", script], stdout: "piped", ...options,
       });
       const text = await new Response(container.stdout).text();
       await container.status;
       return text;
     }
     ${body}`
  );

const skip = without("setpriv");

test(
  "library, rootless: streams, status, time limits and errors work",
  async () => {
    const stdout = await program(`
    console.log(await text("id -u; hostname; tr -s ' ' < /proc/self/uid_map"));
    {
      await using container = await run({ rootfs, command: ["cat"], stdin: "piped", stdout: "piped" });
      const bytes = new Uint8Array(4000000).map((_, index) => index * 7);
      const [received] = await Promise.all([
        new Response(container.stdout).bytes(),
        new Blob([bytes]).stream().pipeTo(container.stdin),
      ]);
      console.log(received.every((byte, index) => byte === bytes[index]), received.length);
    }
    const before = open();
    {
      await using container = await run({ rootfs, command: ["sleep", "100"], signal: AbortSignal.timeout(100) });
      console.log((await container.status).signal);
    }
    for (let index = 0; index < 10; index++) {
      await using container = await run({ rootfs, command: ["nosuch"], stdin: "piped", stdout: "piped", stderr: "piped" });
      const error = await container.status.catch((error) => error);
      if (!(error instanceof CommandError) || error.status !== 127) throw error;
    }
    for (const options of [{ userNamespace: "host" }, { rootfs: "/nosuch" }]) {
      const error = await run({ rootfs, command: ["true"], stdin: "piped", ...options }).catch((error) => error);
      console.log(error.name, error.message);
    }
    console.log(open().filter((name) => !before.includes(name)).join());`);
    assertEquals(
      stdout,
      `0\ncontainer\n 0 ${NOBODY} 1\n\ntrue 4000000\nSIGKILL\n` +
        "SpecError Cannot run without a user namespace: not root\n" +
        "ContainerError Cannot use the root filesystem /nosuch: no such directory\n\n",
    );
  },
  { skip },
);

test("library, rootless: many at once, and the host's tree", async () => {
  const stdout = await program(`
    const all = await Promise.all(Array.from({ length: 50 }, (_, index) => text("echo " + index)));
    console.log(all.every((line, index) => line === index + "\\n"));
    console.log(await text("touch /host/y && echo made", {
      mounts: [{ destination: "/host", type: "bind", source: import.meta.dirname, options: ["rbind"] }],
    }));
    console.log(await text("hostname; touch /tmp/x-library 2>/dev/null || echo readonly", { rootfs: "/" }));
    console.log((await plan({ rootfs, command: ["true"] })).host.map(({ step }) => step).join());`);
  assertEquals(stdout, "true\nmade\n\ncontainer\nreadonly\n\nmapIds\n");
}, { skip });
