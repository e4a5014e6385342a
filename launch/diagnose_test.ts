/** Tests that the files tell why a command could not be executed. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { O, open } from "../ffi/fcntl.ts";
import { makeElf } from "../rootfs/_elf_fixture.ts";
import type { CommandError } from "../spec/errors.ts";
import type { StepOf } from "../plan/step.ts";
import { diagnose, INSIDE, outside } from "./diagnose.ts";
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
