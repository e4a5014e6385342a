/** `pull()` and `run({ image })` in the program of an ordinary user. */

// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { REPOSITORY, test } from "../../_harness.ts";
import { NO_USERS as skip } from "../_user_box.ts";
import { Stage } from "./_user_stage.ts";

const PROGRAM = `
const [store, name] = Deno.args;
const output = async (options) => {
  await using container = await run({ store, stdout: "piped", ...options });
  return await new Response(container.stdout).text();
};
const reason = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return [error.constructor.name, error.message].join(": ");
  }
};
const look = ["sh", "-c", "stat -c %u:%g /data/file; cat /data/file"];
// The first run fetches, the second one finds it.
const outputs = [
  await output({ image: name, command: look }),
  await output({ image: name, command: look }),
];
const kinds = new Set();
const pulled = await pull(name, { store, onProgress: ({ kind }) => kinds.add(kind) });
const place = await output({ image: \`oci:\${store}:\${name}\`, command: ["id", "-u"] });
console.log(JSON.stringify({
  outputs,
  place,
  name: pulled.name,
  listed: images({ store }).length,
  reasons: [
    await reason(pull("x.invalid/a:1", { store })),
    await reason(pull(name.replace("app", "no"), { store })),
    await reason(pull("x.invalid/a:1", {
      store,
      signal: AbortSignal.abort(new Error("enough")),
    })),
    await reason(pull("x.invalid/a:1", { store, signal: AbortSignal.timeout(1) })),
  ],
  left: [...Deno.readDirSync(store + "/work")].length,
}));
`;

test("a user's program fetches and runs images", async () => {
  await using stage = await Stage.make(undefined, { packages: true });
  const { box, name } = stage;
  const file = `${box.dir.path}/program.ts`;
  await Deno.writeTextFile(
    file,
    `import { images, pull, run } from "${REPOSITORY}/mod.ts";\n${PROGRAM}`,
  );
  const { status, stdout, stderr } = await box.as([
    ...[Deno.execPath(), "run", "-A", "--no-check", "--quiet"],
    ...[`--config=${REPOSITORY}/deno.json`, file, box.store, name],
  ]);
  assertEquals([status, stderr], [0, ""]);
  const { outputs, reasons, ...rest } = JSON.parse(stdout);
  assertEquals(outputs, ["7:8\ndata\n", "7:8\ndata\n"]);
  assertEquals(rest, { place: "0\n", name, listed: 1, left: 0 });
  const expected = [
    /^RegistryError: Cannot pull .*x\.invalid/,
    /^RegistryError: .*the registry has no such/,
    /^Error: enough$/,
    /aborted due to timeout/,
  ];
  for (const [index, pattern] of expected.entries()) {
    assertMatch(reasons[index], pattern);
  }
}, { skip });
