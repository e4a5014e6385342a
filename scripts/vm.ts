/**
 * `deno task test:vm`: runs a command, the tests of cgroup v2 if none is given,
 * in a Debian kernel under qemu. `deno task test` shares them out between
 * several machines.
 *
 *     deno run -A scripts/vm.ts [--systemd] [--memory MB] [COMMAND…]
 *
 * @module
 */

// @ts-types="../types/std_path.d.ts"
import { join, resolve } from "@std/path";
import { runScript, write } from "./_report.ts";
import { Machine } from "./vm/machine.ts";
import {
  GUEST,
  GUEST_ENV,
  GUEST_PROGRAM,
  makeRepositoryDisk,
} from "./vm/repository.ts";

const HELP = `Run a command in a Debian kernel under qemu, with cgroup v2

Usage: deno task test:vm [--systemd] [--memory MB] [COMMAND…]

  --systemd    systemd is PID 1, of this system's own packages

Without a command: the tests in tests/vm. The repository is at ${GUEST}
there. Where CONTAINER_BIN names a compiled program, it is in the repository,
and CONTAINER_BIN names it there as well. Where criu is installed here, with ip,
iptables and tar, it is there as well.
`;

/** A command that takes longer is hung, in milliseconds. */
const HUNG = 30 * 60_000;

async function main(args: string[]): Promise<number> {
  if (args[0] === "--help") {
    write(Deno.stdout, HELP);
    return 0;
  }
  let memory: number | undefined;
  const systemd = args[0] === "--systemd";
  if (systemd) args.shift();
  if (args[0] === "--memory") memory = Number(args.splice(0, 2)[1]);
  const words = args.length
    ? args
    : ["deno", "test", "-A", "--no-check", "--cached-only", "tests/vm/"];
  const binary = Deno.env.get("CONTAINER_BIN");
  await using stack = new AsyncDisposableStack();
  const scratch = stack.adopt(
    await Deno.makeTempDir({ prefix: "container-vm-" }),
    (path) => Deno.remove(path, { recursive: true }),
  );
  const disk = join(scratch, "disk");
  const program = binary ? resolve(binary) : undefined;
  await makeRepositoryDisk(disk, { systemd, program });
  const machine = stack.use(await Machine.start({ disk, memory }));
  const { code } = await machine.run({
    words,
    cwd: GUEST,
    env: {
      ...GUEST_ENV,
      ...program ? { CONTAINER_BIN: GUEST_PROGRAM } : {},
    },
    timeout: HUNG,
    onOutput: (text) => write(Deno.stdout, text),
  });
  if (code !== null) return code;
  write(
    Deno.stderr,
    `The virtual machine ended before the command did. Its console:\n${await machine
      .console()}\n`,
  );
  return 125;
}

if (import.meta.main) {
  Deno.exit(await runScript("vm", () => main([...Deno.args])));
}
