/**
 * The progress of a pull or a push, on standard error: on a terminal one line a
 * layer that changes in place, otherwise a line when a layer is done.
 */

import type { OnProgress, Progress } from "../../images/progress.ts";
import { shortDigest } from "../../images/spec/digest.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flag, Flags } from "../flags.ts";
import { printBytes, say, warn } from "../output.ts";
import { size as bytesText } from "../daily/table.ts";

/** The words for the states of a layer. */
export interface Words {
  moving: string;
  done: string;
  here: string;
}

export const PROGRESS: Flag = {
  name: "progress",
  value: "HOW",
  help: "auto, plain or json (default: auto)",
};

/** Milliseconds between two drawings. */
const PERIOD = 100;
const BAR = 25;

interface Line {
  digest: string;
  size: number;
  state: "waiting" | "moving" | "done" | "here";
  bytes: number;
  /** When the first byte came. */
  begun?: number;
}

const encoder = new TextEncoder();
const write = (text: string) => printBytes(encoder.encode(text), "stderr");

/** Shows progress; the caller disposes of it at the end. */
export class ProgressView implements Disposable {
  readonly #lines = new Map<string, Line>();
  readonly #how: "terminal" | "plain" | "json" | "none";
  #drawn = 0;
  #last = 0;

  constructor(readonly words: Words, flags: Flags) {
    const how = flags.last("progress") ?? "auto";
    if (!["auto", "plain", "json", "tty"].includes(how)) {
      throw new UsageError(
        `--progress ${how}: unknown`,
        "Use auto, plain or json.",
      );
    }
    this.#how = flags.has("quiet")
      ? "none"
      : how === "json" || how === "plain"
      ? how
      : how === "tty" || Deno.stderr.isTerminal()
      ? "terminal"
      : "plain";
  }

  /** Takes a message. */
  readonly take: OnProgress = (progress) => {
    if (this.#how === "json") {
      write(`${JSON.stringify(progress)}\n`);
      return;
    }
    switch (progress.kind) {
      case "begin":
        for (const { digest, size } of progress.layers) {
          this.#lines.set(digest, { digest, size, state: "waiting", bytes: 0 });
        }
        this.#draw(true);
        return;
      case "layer":
        return this.#layer(progress);
      case "wait":
        this.#clear();
        say(
          `container: ${progress.why}; trying again in ${
            Math.ceil(progress.milliseconds / 1000)
          } s`,
        );
        return this.#draw(true);
      case "warning":
        this.#clear();
        warn(progress.text);
        return this.#draw(true);
    }
  };

  #layer({ digest, state, bytes }: Extract<Progress, { kind: "layer" }>): void {
    const line = this.#lines.get(digest);
    if (!line) return;
    if (line.state === "done" || line.state === "here") return;
    line.state = state;
    line.bytes = bytes;
    line.begun ??= Date.now();
    const isOver = state === "done" || state === "here";
    if (this.#how === "plain" && isOver) write(`${this.#text(line, false)}\n`);
    this.#draw(isOver);
  }

  #text({ digest, size, state, bytes, begun }: Line, isLive: boolean): string {
    const name = shortDigest(digest);
    if (state === "waiting") return `${name}: Waiting`;
    if (state === "here") return `${name}: ${this.words.here}`;
    if (state === "done") {
      return `${name}: ${this.words.done}${
        isLive ? "" : ` ${bytesText(size)}`
      }`;
    }
    const part = size ? Math.min(1, bytes / size) : 1;
    const bar = "=".repeat(Math.round(part * BAR));
    const seconds = (Date.now() - (begun ?? 0)) / 1000;
    const rate = seconds > 0.5
      ? ` ${bytesText(Math.round(bytes / seconds))}/s`
      : "";
    return `${name}: ${this.words.moving} [${`${bar}>`.padEnd(BAR + 1)}] ${
      bytesText(bytes)
    }/${bytesText(size)}${rate}`;
  }

  #draw(now: boolean): void {
    if (this.#how !== "terminal" || !this.#lines.size) return;
    if (!now && Date.now() - this.#last < PERIOD) return;
    this.#last = Date.now();
    const width = columnsOfStderr();
    const text = [...this.#lines.values()].map((line) =>
      `${this.#text(line, true).slice(0, width)}\x1b[K\n`
    );
    write(this.#up() + text.join(""));
    this.#drawn = text.length;
  }

  #up(): string {
    return this.#drawn ? `\x1b[${this.#drawn}A` : "";
  }

  /** Removes the lines, so that a message can be written. */
  #clear(): void {
    if (this.#drawn) write(`${this.#up()}\x1b[J`);
    this.#drawn = 0;
  }

  /** Leaves the lines as they are: what is printed next comes below. */
  end(): void {
    this.#draw(true);
    this.#lines.clear();
    this.#drawn = 0;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

function columnsOfStderr(): number {
  try {
    return Deno.consoleSize().columns - 1;
  } catch {
    return 79;
  }
}
