/**
 * The caller's keys stay out of a container: a container that gets no session
 * keyring of its own does not start. Only a kernel without keyrings has no keys
 * to protect.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { container, test, testBoth, without } from "../_harness.ts";

const SKIP = { skip: without("strace") };

/** strace(1) that makes keyctl(2) fail with an error. */
const answering = (error: string) => [
  ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=keyctl"],
  ...["-e", "signal=none", "-e", `inject=keyctl:error=${error}`],
];

testBoth(
  "run does not start a container without a session keyring of its own",
  async (mode) => {
    // A full quota (keyrings(7)), a sandbox, and a keyring that we may not
    // leave.
    for (const error of ["EDQUOT", "EPERM", "EACCES"]) {
      // The first is a run without Deno.
      for (const flags of [[], ["-u", "0"]]) {
        const { status, stdout, stderr } = await mode.run(
          [...flags, "echo", "started"],
          { before: answering(error) },
        );
        assertEquals([status, stdout], [125, ""], `${error} ${flags}`);
        assertMatch(
          stderr,
          new RegExp(
            `^container: Cannot join a new session keyring: keyctl: .+ \\(${error}\\)\\. .+\n$`,
          ),
        );
      }
    }
    const { status, stdout, stderr } = await mode.run(
      ["-u", "0", "echo", "started"],
      { before: answering("ENOSYS") },
    );
    assertEquals([status, stdout, stderr], [0, "started\n", ""]);
  },
  SKIP,
);

test("exec needs a session keyring of its own", async () => {
  await using bundle = await Bundle.make(["sleep", "1000"]);
  await bundle.create("box");
  await bundle.does("start", "box");
  const { status, stdout, stderr } = await container(
    ["--root", `${bundle.dir.path}/state`, "exec", "box", "echo", "started"],
    { before: answering("EDQUOT") },
  );
  assertEquals([status !== 0, stdout], [true, ""]);
  assertMatch(stderr, /keyring.+EDQUOT/s);
}, SKIP);
