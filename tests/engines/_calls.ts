/**
 * A command for the scenarios' scripts that the test's own process carries out.
 * Starting Deno for each call would take longer than what it does.
 *
 * The command is a shell script. It makes a directory for its call, writes the
 * directory's name to a pipe on which this process reads, and waits for the
 * status on another pipe.
 */

/** The result of a call. */
export interface Answer {
  stdout: Uint8Array;
  stderr: Uint8Array;
  status: number;
}

/** Carries out a call of the command, with its words and its directory. */
export type Handler = (words: string[], cwd: string) => Promise<Answer>;

/** What the pipe says when no more calls come. */
const END = "end";

/** Opens the pipe for the status itself, so that nobody waits in open(2). */
const script = (dir: string) =>
  `#!/bin/sh
call=$(mktemp -d '${dir}/XXXXXX')
mkfifo "$call/status"
exec 3<>"$call/status"
printf '%s\\0' "$PWD" "$@" >"$call/words"
echo "$call" >'${dir}/calls'
read -r status <&3
cat "$call/stdout"
cat "$call/stderr" >&2
rm -r "$call"
exit "$status"
`;

/** Carries out the calls of one command until it is disposed of. */
export class Calls implements AsyncDisposable {
  readonly #pipe: string;
  readonly #done: Promise<void>;

  /**
   * @param program where to write the command
   * @param dir an empty directory for its calls
   */
  constructor(program: string, dir: string, private readonly handle: Handler) {
    this.#pipe = `${dir}/calls`;
    Deno.writeTextFileSync(program, script(dir), { mode: 0o755 });
    new Deno.Command("mkfifo", { args: [this.#pipe] }).outputSync();
    this.#done = this.#serve();
  }

  async #serve(): Promise<void> {
    // A pipe that is also open for writing has no end.
    using pipe = await Deno.open(this.#pipe, { read: true, write: true });
    const bytes = new Uint8Array(4096);
    const decoder = new TextDecoder();
    for (let text = "";;) {
      const count = await pipe.read(bytes);
      text += decoder.decode(bytes.subarray(0, count ?? 0), { stream: true });
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line === END) return;
        this.#answer(line);
      }
    }
  }

  async #answer(call: string): Promise<void> {
    const [cwd = "", ...words] = (await Deno.readTextFile(`${call}/words`))
      .split("\0").slice(0, -1);
    const { stdout, stderr, status } = await this.handle(words, cwd);
    await Deno.writeFile(`${call}/stdout`, stdout);
    await Deno.writeFile(`${call}/stderr`, stderr);
    using pipe = await Deno.open(`${call}/status`, { read: true, write: true });
    await pipe.write(new TextEncoder().encode(`${status}\n`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.writeTextFile(this.#pipe, `${END}\n`);
    await this.#done;
  }
}
