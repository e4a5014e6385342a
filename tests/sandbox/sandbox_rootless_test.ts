/** Sandboxes of an ordinary user with one ID and without a delegated cgroup. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { test, without } from "../_harness.ts";
import { asUser } from "./_sandbox.ts";

const skip = without("setpriv");

test(
  "sandbox, rootless: commands, rights, signals and the host's tree",
  async () => {
    const stdout = await asUser(`
    {
      await using sandbox = await create({ pids: undefined, env: { A: "b" } });
      const show = "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status";
      console.log(await sandbox.sh\`sh -c \${show}\`.text());
      console.log(await sandbox.sh\`sh -c \${show}\`.sudo().text());
      console.log(await sandbox.sh\`pwd; echo $A; echo x > y; cat y\`.text());
      const cat = await sandbox.spawn("cat", { stdin: "piped", stdout: "piped" });
      const bytes = new Uint8Array(3000000).map((_, index) => index * 7);
      const [output] = await Promise.all([cat.output(), new Blob([bytes]).stream().pipeTo(cat.stdin)]);
      console.log(output.stdout.every((byte, index) => byte === bytes[index]), output.stdout.length);
      const sleep = await sandbox.spawn("sleep", { args: ["100"], signal: AbortSignal.timeout(10) });
      console.log((await sleep.status).signal);
      console.log((await sandbox.spawn("nosuch").catch((error) => error)).name);
    }
    {
      await using sandbox = await Sandbox.create();
      console.log(await sandbox.sh\`touch /usr/x 2>/dev/null || echo read-only; touch x && ls; ls -A /root /run\`.text());
      console.log(await sandbox.sh\`ls \${Deno.env.get("HOME")} 2>/dev/null | wc -l\`.text());
    }
    const texts = await Promise.all(Array.from({ length: 10 }, async (_, index) => {
      await using sandbox = await create();
      return await sandbox.sh\`echo \${index}\`.text();
    }));
    console.log(texts.join("").replaceAll("\\n", " "));`);
    const rights = (capabilities: string) =>
      `0\nCapEff:\t${capabilities}\nCapBnd:\t${capabilities}\nNoNewPrivs:\t1\nSeccomp:\t2\n\n`;
    assertEquals(
      stdout,
      rights("0000000000000000") + rights("00000000a80425fb") +
        "/home/sandbox\nb\nx\n\ntrue 3000000\nSIGTERM\nCommandError\n" +
        "read-only\nx\n/root:\n\n/run:\n\n0\n\n0 1 2 3 4 5 6 7 8 9 \n",
    );
  },
  { skip },
);

test(
  "sandbox, rootless: limits without a cgroup are refused by name",
  async () => {
    const stdout = await asUser(`
    const { message, hint } = await create({ memory: "64MiB", pids: 20 }).catch((error) => error);
    console.log(message.startsWith("Cannot limit memory and pids: "), hint.endsWith("Or use bestEffort: true, which limits each process by itself."));
    await using sandbox = await create({ memory: "64MiB", pids: 20, bestEffort: true });
    console.log(await sandbox.sh\`ulimit -d\`.text());
    console.log((await sandbox.sh\`tail /dev/zero\`.stderr("null").noThrow()).status.success);`);
    assertEquals(stdout, "true true\n65536\n\nfalse\n");
  },
  { skip },
);
