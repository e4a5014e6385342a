// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { launcher } from "./_launcher.ts";

const bundle = `if (import.meta.main) {
  await new Blob([JSON.stringify(Deno.args)]).stream().pipeTo(Deno.stdout.writable);
}
`;

async function inDirectory(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function run(file: string, args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(file, { args })
    .output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test("launcher() starts a Deno whose path has spaces and quotes", async () => {
  await inDirectory(async (dir) => {
    const deno = `${dir}/it's a "deno" $HOME`;
    await Deno.symlink(Deno.execPath(), deno);
    const file = `${dir}/the program`;
    await Deno.writeTextFile(file, launcher(bundle, deno), { mode: 0o755 });
    const { code, stdout } = await run(file, ["a  b", "--help", "$x", ""]);
    assertEquals(stdout, JSON.stringify(["a  b", "--help", "$x", ""]));
    assertEquals(code, 0);
  });
});

Deno.test("launcher() ignores a configuration next to the file", async () => {
  await inDirectory(async (dir) => {
    await Deno.writeTextFile(`${dir}/deno.json`, "{ broken");
    await Deno.writeTextFile(`${dir}/package.json`, `{"type": "commonjs"}`);
    const file = `${dir}/program`;
    const text = launcher(bundle, Deno.execPath());
    await Deno.writeTextFile(file, text, { mode: 0o755 });
    assertEquals(await run(file, []), { code: 0, stdout: "[]", stderr: "" });
  });
});

Deno.test("launcher() reports that its Deno is missing", async () => {
  await inDirectory(async (dir) => {
    const file = `${dir}/program`;
    const text = launcher(bundle, `${dir}/gone`);
    await Deno.writeTextFile(file, text, { mode: 0o755 });
    const { code, stdout, stderr } = await run(file, []);
    assertEquals([code, stdout], [125, ""]);
    assertStringIncludes(stderr, `Cannot run the Deno that built this file`);
    assertStringIncludes(stderr, `${dir}/gone`);
  });
});

Deno.test("launcher() refuses a path that would end the comment", () => {
  for (const path of ["/a\nb", "/a\u2028b", "deno"]) {
    assertThrows(() => launcher(bundle, path), Error, "Cannot start");
  }
});
