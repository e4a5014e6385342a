/** Tests that the files tell why a command could not be executed. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { O, open } from "../ffi/fcntl.ts";
import { makeElf } from "../rootfs/_elf_fixture.ts";
import type { CommandError } from "../spec/errors.ts";
import type { StepOf } from "../plan/step.ts";
import { diagnose, INSIDE, interpreterOf, outside } from "./diagnose.ts";
import { StepError } from "./step_error.ts";

const MACHINE = { x86_64: 62, aarch64: 183 }[Deno.build.arch];
const OTHER = MACHINE === 62 ? 183 : 62;

function diagnosed(
  content: Uint8Array | string | null,
  { mode = 0o755, code = "ENOENT" as const } = {},
): CommandError | StepError {
  const dir = Deno.makeTempDirSync();
  try {
    const path = `${dir}/thing`;
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else if (content) Deno.writeFileSync(path, content);
    else Deno.mkdirSync(path);
    Deno.chmodSync(path, mode);
    const step: StepOf<"execute"> = {
      step: "execute",
      candidates: ["/no/such/place/thing", path],
      argv: ["thing"],
      env: [],
      why: "",
      man: "",
    };
    const failure = new StepError(step, "execve", code);
    const error = diagnose(step, failure, INSIDE);
    // The same question from outside, with a directory as root filesystem.
    using held = new DisposableStack();
    const root = held.use(open("/", O.O_PATH));
    const again = diagnose(step, failure, outside(root, held));
    assertEquals([again.message, again.hint], [error.message, error.hint]);
    return error;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

for (
  const [what, content, mode, status, words] of [
    ["a directory", null, 0o755, 126, "it is a directory"],
    ["no permission", "#!/bin/sh\n", 0o644, 126, "it is not executable"],
    ["text", "hello\n", 0o755, 126, "exec format error (ENOEXEC)"],
    [
      "another machine",
      makeElf({ machine: OTHER }),
      0o755,
      126,
      "another architecture",
    ],
    [
      "a missing loader",
      makeElf({ machine: MACHINE, interpreter: "/lib/ld-none.so" }),
      0o755,
      127,
      "its loader /lib/ld-none.so is not",
    ],
    [
      "a missing interpreter",
      "#! /no/perl -w\n",
      0o755,
      127,
      "its interpreter /no/perl is not",
    ],
    [
      "line ends of Windows",
      "#!/bin/sh\r\necho\r\n",
      0o755,
      127,
      "no such file or directory (ENOENT), its interpreter /bin/sh\\r is not",
    ],
    [
      "an interpreter that is a directory",
      "#!/etc\n",
      0o755,
      126,
      "its interpreter /etc cannot be run: it is a directory",
    ],
    [
      "an interpreter that is not executable",
      "#!/etc/passwd\n",
      0o755,
      126,
      "its interpreter /etc/passwd cannot be run: it is not executable",
    ],
    [
      "a line without an interpreter",
      "#!  \n",
      0o755,
      126,
      "exec format error (ENOEXEC), the first line of the script does not name",
    ],
    [
      "a first line that the kernel cuts off",
      `#!/${"x".repeat(255)}\n`,
      0o755,
      126,
      "exec format error (ENOEXEC), the first line of the script does not name",
    ],
    [
      "nothing to be seen",
      "#!/bin/sh\n",
      0o755,
      126,
      "permission denied (EACCES)",
    ],
  ] as const
) {
  Deno.test(`diagnose() recognizes ${what}: ${status}`, () => {
    const error = diagnosed(content, { mode });
    assertEquals(error.status, status);
    assertStringIncludes(error.message, words);
    assertEquals(typeof error.hint, "string");
  });
}

Deno.test("diagnose() recognizes interpreters that are scripts in a circle: 127", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const path = `${dir}/script`;
    Deno.writeTextFileSync(path, `#!${path}\n`);
    Deno.chmodSync(path, 0o755);
    const step: StepOf<"execute"> = {
      step: "execute",
      candidates: [path],
      argv: [path],
      env: [],
      why: "",
      man: "",
    };
    const failure = new StepError(step, "execve", "ENOENT");
    const error = diagnose(step, failure, INSIDE);
    assertEquals(error.status, 127);
    assertStringIncludes(
      error.message,
      `${path}: too many levels of symbolic links (ELOOP), its interpreter ${path} is a script`,
    );
    // Five interpreters that are scripts are not too many.
    for (let index = 0; index < 5; index++) {
      const next = index < 4 ? `${path}${index + 1}` : "/bin/sh";
      Deno.writeTextFileSync(`${path}${index}`, `#!${next}\n`);
      Deno.chmodSync(`${path}${index}`, 0o755);
    }
    Deno.writeTextFileSync(path, `#!${path}0\n`);
    assertStringIncludes(diagnose(step, failure, INSIDE).message, "ELOOP");
    Deno.writeTextFileSync(path, `#!${path}1\n`);
    assertStringIncludes(diagnose(step, failure, INSIDE).message, "EACCES");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("interpreterOf() reads the first line as the kernel does", () => {
  const of = (text: string) => interpreterOf(new TextEncoder().encode(text));
  assertEquals(of("#!/bin/sh\n"), "/bin/sh");
  assertEquals(of("#! \t/bin/sh -x y\n"), "/bin/sh");
  assertEquals(of("#!/bin/sh\r\n"), "/bin/sh\r");
  assertEquals(of("#!/bin/sh\r -x\n"), "/bin/sh\r");
  assertEquals(of("#!/bin/sh"), "/bin/sh");
  assertEquals(of("#!/bin/sh\0x\n"), "/bin/sh");
  assertEquals([of("#!"), of("#!\n"), of("#! \t\n")], [null, null, null]);
  assertEquals(of(`#!/${"x".repeat(251)}\n`), `/${"x".repeat(251)}`);
  assertEquals(of(`#!/${"x".repeat(300)}\n`), null);
  assertEquals(of(`#!/sh ${"x".repeat(300)}\n`), "/sh");
  assertEquals(
    interpreterOf(new Uint8Array([0x23, 0x21, 0x2f, 0xff, 0x0a])),
    "/\udcff",
  );
});

Deno.test("diagnose() names the directories that were searched", () => {
  const step: StepOf<"execute"> = {
    step: "execute",
    candidates: ["/a/x", "/b/x"],
    argv: ["x"],
    env: [],
    why: "",
    man: "",
  };
  const failure = new StepError(step, "execve", "ENOENT");
  const error = diagnose(step, failure, INSIDE);
  assertEquals(error.status, 127);
  assertStringIncludes(error.message, "x: not found in /a:/b of the root");
});

Deno.test("diagnose() from outside never looks above the root filesystem", () => {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.symlinkSync("/bin/sh", `${dir}/absolute`);
    Deno.symlinkSync("../../../../../../bin/sh", `${dir}/upwards`);
    using held = new DisposableStack();
    const view = outside(held.use(open(dir, O.O_PATH)), held);
    for (const name of ["/absolute", "/upwards", "/../bin/sh", "/bin/sh"]) {
      assertEquals(view.look(name), null, name);
    }
    Deno.writeTextFileSync(`${dir}/here`, "");
    assertEquals(view.look("/../here")?.isFile, true);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
