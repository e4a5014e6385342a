/**
 * The caller's keys are not for a container: where it gets no session keyring of
 * its own, it does not start. Only a kernel without keyrings has none to keep.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { container, test, testBoth, without } from "../_harness.ts";

const SKIP = { skip: without("strace") };

/** strace(1) as the kernel that answers keyctl(2) with an error. */
const answering = (error: string) => [
  ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=keyctl"],
  ...["-e", "signal=none", "-e", `inject=keyctl:error=${error}`],
];

testBoth(
  "a container without a session keyring of its own does not start",
  async (mode) => {
    // A full quota (keyrings(7)), a sandbox, and one that is not ours to leave.
    for (const error of ["EDQUOT", "EPERM", "EACCES"]) {
      // The first is a run without a runtime.
      for (const flags of [[], ["-w", "/"]]) {
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
      ["-w", "/", "echo", "started"],
      { before: answering("ENOSYS") },
    );
    assertEquals([status, stdout, stderr], [0, "started\n", ""]);
  },
  SKIP,
);

test("exec without a session keyring of its own does not start", async () => {
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
