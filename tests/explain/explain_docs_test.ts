/** The output of `explain` in the documents is what it prints. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import {
  CONTAINER,
  execute,
  hasProgram,
  REPOSITORY,
  rootfs,
  shellLine,
  test,
} from "../_harness.ts";

/** A command, and the lines below it. */
interface Example {
  command: string;
  shown: string[];
}

function examples(document: string): Example[] {
  const text = Deno.readTextFileSync(`${REPOSITORY}/${document}`);
  const blocks = [...text.matchAll(/^```console\n(.*?)^```/gms)];
  return blocks.flatMap(([, block]) =>
    block!.split(/^\$ /m).slice(1).map((example) => {
      const [command, ...shown] = example.trimEnd().split("\n");
      return { command: command!, shown };
    })
  ).filter(({ command }) => command.includes("container explain "));
}

/**
 * The first line that is missing among others, in this order. `…` matches
 * anything. A number of a step, or of steps, also matches any, since it depends
 * on what the machine mounts.
 */
function firstMissing(
  shown: readonly string[],
  printed: readonly string[],
): string | null {
  let at = 0;
  for (const line of shown) {
    if (line.trim() === "…") continue;
    const escaped = line.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
      .replaceAll("…", ".*").replace(/^( *|# )\d+/, "$1\\d+")
      .replace(/^(\\?[-+]) +\d+/, "$1 +\\d+")
      .replace(/^([a-z]+) +\d+ {2}/, "$1 +\\d+  ").replace(
        /\d+ steps$/,
        "\\d+ steps",
      );
    const pattern = new RegExp(`^${escaped.replace(/^ +/, " +")}$`);
    const found = printed.findIndex((text, index) =>
      index >= at && pattern.test(text)
    );
    if (found < 0) return line;
    at = found + 1;
  }
  return null;
}

for (const document of ["README.md", "docs/flags.md"]) {
  const all = examples(document);

  Deno.test(`${document} has examples of explain`, () => {
    assert(all.length > 1);
  });

  for (const { command, shown } of all) {
    test(`${document}: ${command} prints the documented lines`, async () => {
      // A longer path would break lines in other places.
      const path = `/tmp/docs-${Deno.pid}`;
      await Deno.mkdir(path);
      await using cleanup = new AsyncDisposableStack();
      cleanup.defer(() => Deno.remove(path, { recursive: true }));
      // The directory of `deno task rootfs`.
      await Deno.mkdir(`${path}/.fs.d`, { mode: 0o700 });
      await execute(["cp", "-a", rootfs(), `${path}/.fs.d/rootfs`]);
      await Deno.symlink(".fs.d/rootfs", `${path}/fs`);
      const line = command.replace(/^\.\/container\b/, shellLine(CONTAINER));
      const { stdout, stderr } = await execute(["sh", "-c", line], {
        cwd: path,
      });
      assertEquals(stderr, "");
      assertEquals(firstMissing(shown, stdout.split("\n")), null, stdout);
    }, {
      skip: command.includes("| jq") && !hasProgram("jq")
        ? "jq is not installed"
        : null,
    });
  }
}
