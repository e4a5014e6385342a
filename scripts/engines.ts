/**
 * `deno task test:engines`: the engines' scenarios, with runc and with the
 * compiled program as their runtime, and a table of what became of each. Wants
 * root, ./container, and what of Docker, Podman and containerd is to be tried.
 *
 * @module
 */
// @ts-types="../types/std_path.d.ts"
import { join, relative } from "@std/path";
import { engineTable } from "./_engine_table.ts";
import { engineTests, ROOT } from "./_files.ts";
import { runScript, ScriptUsageError, write } from "./_report.ts";

const RUNTIMES = ["ours", "runc"];

/** What the command line asks for. */
interface Asked {
  files: string[];
  runtime?: string;
}

/** Reads `[ENGINE]… [--runtime NAME]`. */
function parse(args: readonly string[]): Asked {
  const all = new Map(
    engineTests().map((path) => [path.match(/(\w+)_test\.ts$/)![1]!, path]),
  );
  const asked: Asked = { files: [] };
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const file = all.get(arg);
    const runtime = arg === "--runtime"
      ? args[++index] ?? ""
      : arg.match(/^--runtime=(.*)$/)?.[1];
    if (file) asked.files.push(file);
    else if (runtime !== undefined && RUNTIMES.includes(runtime)) {
      asked.runtime = runtime;
    } else {
      throw new ScriptUsageError(
        `Unknown argument ${JSON.stringify(runtime ?? arg)}: it takes ${
          [...all.keys()].join(", ")
        }, and --runtime ${RUNTIMES.join(" or ")}`,
      );
    }
  }
  if (!asked.files.length) asked.files.push(...all.values());
  return asked;
}

async function main(args: readonly string[]): Promise<number> {
  const { files, runtime } = parse(args);
  const dir = await Deno.makeTempDir({ prefix: "container-report-" });
  try {
    const report = join(dir, "junit.xml");
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "--allow-all", "--quiet", `--junit-path=${report}`],
        ...files.map((path) => relative(ROOT, path)),
      ],
      cwd: ROOT,
      env: runtime ? { CONTAINER_ENGINES_RUNTIME: runtime } : {},
      stdin: "null",
    }).spawn().status;
    write(Deno.stdout, `\n${engineTable(await Deno.readTextFile(report))}`);
    return code;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) {
  Deno.exit(await runScript("test:engines", () => main(Deno.args)));
}
