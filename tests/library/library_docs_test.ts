/** Runs every example of the documents as written, and compares its output. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { execute, REPOSITORY, rootfs, TempDir, test } from "../_harness.ts";

/** A program, and its documented output if there is one. */
interface Example {
  line: number;
  program: string;
  output: string | null;
}

/** The programs of a document; each is complete. */
function examples(document: string): Example[] {
  const text = Deno.readTextFileSync(`${REPOSITORY}/${document}`);
  const pattern = /^```ts\n(.*?)^```\n(?:\n```console\n(.*?)^```\n)?/gms;
  return [...text.matchAll(pattern)].map(([, program, output], index, all) => ({
    line: text.slice(0, all[index]!.index).split("\n").length + 1,
    program: program!,
    // The first line may show how it was started.
    output: output?.replace(/^\$ .*\n/, "") ?? null,
  }));
}

const DOCUMENTS = ["README.md", "docs/library.md", "docs/sandbox.md"];

/** Writes programs next to a mod.ts as the documents import it. */
async function write(
  dir: string,
  programs: Readonly<Record<string, string>>,
): Promise<void> {
  await Deno.writeTextFile(
    `${dir}/mod.ts`,
    `export * from "${REPOSITORY}/mod.ts";\n`,
  );
  for (const [name, program] of Object.entries(programs)) {
    await Deno.writeTextFile(`${dir}/${name}`, program);
  }
}

Deno.test("the types of all examples are correct", async () => {
  await using dir = new TempDir();
  const programs = Object.fromEntries(
    DOCUMENTS.flatMap((document, index) =>
      examples(document).map(({ line, program }) => [
        `document${index}_line${line}.ts`,
        program,
      ])
    ),
  );
  await write(dir.path, programs);
  const { status, stderr } = await execute([
    ...[Deno.execPath(), "check", "--quiet"],
    ...[`--config=${REPOSITORY}/deno.json`, ...Object.keys(programs)],
  ], { cwd: dir.path });
  assertEquals(status, 0, stderr);
});

for (const document of DOCUMENTS) {
  const all = examples(document);

  Deno.test(`${document} has examples`, () => {
    assert(all.length > 0);
    assert(all.every(({ program }) => program.includes('from "./mod.ts"')));
  });

  for (const { line, program, output } of all) {
    test(`${document}:${line} runs and prints the documented output`, async () => {
      await using dir = new TempDir();
      await Deno.symlink(rootfs(), `${dir.path}/fs`);
      await write(dir.path, { "example.ts": program });
      const result = await execute([
        Deno.execPath(),
        ...["run", "-A", "--no-check", "--quiet"],
        `--config=${REPOSITORY}/deno.json`,
        "example.ts",
      ], { cwd: dir.path });
      assertEquals(result.status, 0, result.stderr);
      if (output !== null) {
        assertEquals(`${result.stderr}${result.stdout}`, output);
      }
    });
  }
}
