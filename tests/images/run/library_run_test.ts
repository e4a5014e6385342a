/** `run({ image })` and `plan({ image })` of the library. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { execute, REPOSITORY, test } from "../../_harness.ts";
import { NO_BOX as skip, RunBox as Box } from "./_run_box.ts";

const PROGRAM = `
const store = Deno.args[0];
const output = async (options) => {
  await using container = await run({ store, stdout: "piped", ...options });
  const text = await new Response(container.stdout).text();
  return [text, (await container.status).code];
};
const reason = async (promise) => {
  try {
    await (await promise).status;
  } catch (error) {
    return [error.constructor.name, error.message, error.hint ?? ""].join(": ");
  }
};
const see = ["sh", "-c", "echo $COLOUR; pwd; id -u; ls /data; rm /data/old 2>/dev/null"];
const named = { destination: "/vol", type: "volume", source: "named" };
const add = "echo x >>/vol/file; cat /vol/file";
console.log(JSON.stringify({
  outputs: [
    await output({ image: "app" }),
    await output({ image: "app:latest", command: ["a", "b"] }),
    await output({ image: "app", entrypoint: [], command: see }),
    await output({ image: "plain", command: see, workdir: "/work" }),
    await output({ image: "plain", command: see, env: { COLOUR: "blue" } }),
    await output({ image: \`oci:\${store}:plain\`, command: ["id", "-u"] }),
    await output({
      image: "kept",
      command: ["sh", "-c", "cat /data/old; echo x >/data/old; ls /img"],
      mounts: [{
        destination: "/img",
        type: "image",
        source: "app",
        options: ["ro", "subpath=data"],
      }],
    }),
    await output({ image: "plain", command: ["sh", "-c", add], mounts: [named] }),
    await output({ image: "plain", command: ["sh", "-c", add], mounts: [named] }),
  ],
  reasons: [
    await reason(run({ image: "nosuch:1", store, pull: "never" })),
    await reason(run({ image: "x.invalid/a:1", store })),
    await reason(run({ image: "foreign", store })),
    await reason(run({ image: "plain", command: ["nosuch"], store })),
    await reason(run({ image: "plain", rootfs: "/", store })),
    await reason(run({ rootfs: "/", command: ["true"], pull: "always" })),
    await reason(run({ rootfs: "/" })),
    await reason(run({ image: "plain", store, pull: "now" })),
  ],
  layers: (await plan({ image: "plain", store })).host
    .find(({ step }) => step === "keepChanges").layers.length,
}));
`;

test(
  "the library runs images, with their configuration and own changes",
  async () => {
    await using box = await Box.make();
    const file = `${box.dir.path}/program.ts`;
    await Deno.writeTextFile(
      file,
      `import { plan, run } from "${REPOSITORY}/mod.ts";\n${PROGRAM}`,
    );
    const { status, stdout, stderr } = await execute([
      ...[Deno.execPath(), "run", "-A", "--no-check", "--quiet"],
      ...[`--config=${REPOSITORY}/deno.json`, file, box.store],
    ], {
      env: {
        ...box.env,
        DENO_DIR: Deno.env.get("DENO_DIR") ??
          `${Deno.env.get("HOME")}/.cache/deno`,
      },
    });
    assertEquals([status, stderr], [0, ""]);
    const { outputs, reasons, layers } = JSON.parse(stdout);
    assertEquals(outputs, [
      ["entry cmd\n", 0],
      ["entry a b\n", 0],
      ["red\n/made/here\n7\nnew\nold\n", 1],
      ["\n/work\n0\nnew\nold\n", 0],
      ["blue\n/\n0\nnew\nold\n", 0],
      ["0\n", 0],
      ["old\nnew\nold\n", 0],
      ["x\n", 0],
      ["x\nx\n", 0],
    ]);
    // An anonymous volume ends with its container.
    assertEquals(
      (await Array.fromAsync(Deno.readDir(`${box.store}/volumes`)))
        .map(({ name }) => name),
      ["named"],
    );
    const expected = [
      /^ContainerError: There is no image nosuch:1 here: /,
      /^RegistryError: .*x\.invalid/,
      /^ContainerError: .*made for linux\/s390x.*: Choose linux\/amd64 with platform/,
      /^CommandError: Cannot run nosuch: not found in/,
      /^OptionError: .*rootfs.*cannot be used together with image/,
      /^OptionError: .*pull.*requires image/,
      /^OptionError: .*command.*missing/,
      /^OptionError: .*pull/,
    ];
    for (const [index, pattern] of expected.entries()) {
      assertMatch(reasons[index], pattern);
    }
    assertEquals(layers, 2);
    assertEquals(box.changes(), []);
  },
  { skip },
);
