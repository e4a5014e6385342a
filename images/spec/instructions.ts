/**
 * Changes to the configuration of an image by instructions of a Dockerfile, for
 * `commit --change` and `import --change`. See the Dockerfile reference. Pure.
 */

import { withoutControls } from "../../spec/controls.ts";
import { UsageError } from "../../spec/errors.ts";
import {
  type RawConfig,
  setVariable,
  variablesIn,
} from "./container_config.ts";
import type { HealthCheck } from "./image_config.ts";
import {
  InstructionFault,
  jsonWords,
  type Lookup,
  valueOf,
  wordsOf,
} from "./instruction_words.ts";

/** What an instruction finds and changes. */
interface Context {
  config: RawConfig;
  /** The text after the instruction's name. */
  text: string;
  lookup: Lookup;
  /** The instructions that came before. */
  before: ReadonlySet<string>;
}

type Apply = (context: Context) => void;

const INSTRUCTIONS: Readonly<Record<string, Apply>> = {
  CMD: ({ config, text }) => void (config.Cmd = command(config, text)),
  ENTRYPOINT({ config, text, before }) {
    config.Entrypoint = command(config, text);
    // The words of the image were for its own entrypoint.
    if (!before.has("CMD")) config.Cmd = null;
  },
  ENV({ config, text, lookup }) {
    for (const [key, value] of pairs(text, lookup)) {
      setVariable(config, key, value);
    }
  },
  LABEL({ config, text, lookup }) {
    const labels = config.Labels ??= {};
    for (const [key, value] of pairs(text, lookup)) labels[key] = value;
  },
  EXPOSE({ config, text, lookup }) {
    const ports = config.ExposedPorts ??= {};
    for (const word of required(wordsOf(text, lookup))) {
      for (const port of portsOf(word)) ports[port] = {};
    }
  },
  VOLUME({ config, text, lookup }) {
    const volumes = config.Volumes ??= {};
    for (const path of jsonWords(text) ?? wordsOf(text, lookup)) {
      if (path.trim() === "") throw new InstructionFault("a path is empty");
      volumes[path] = {};
    }
  },
  USER: ({ config, text, lookup }) =>
    void (config.User = one(valueOf(text, lookup))),
  WORKDIR({ config, text, lookup }) {
    const path = one(valueOf(text, lookup));
    const parts: string[] = [];
    const whole = path.startsWith("/")
      ? path
      : `${config.WorkingDir || "/"}/${path}`;
    for (const part of whole.split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    }
    config.WorkingDir = `/${parts.join("/")}`;
  },
  STOPSIGNAL: ({ config, text, lookup }) =>
    void (config.StopSignal = one(valueOf(text, lookup))),
  SHELL({ config, text }) {
    const words = jsonWords(text);
    if (!words?.length) {
      throw new InstructionFault('it takes a list in JSON: ["/bin/sh", "-c"]');
    }
    config.Shell = words;
  },
  ONBUILD({ config, text }) {
    const name = /^\S*/.exec(text)![0].toUpperCase();
    if (["ONBUILD", "FROM", "MAINTAINER", ""].includes(name)) {
      throw new InstructionFault(`ONBUILD ${name} is not allowed`);
    }
    (config.OnBuild ??= []).push(text);
  },
  HEALTHCHECK: ({ config, text }) =>
    void (config.Healthcheck = healthCheck(text)),
};

/** The names of the instructions, for messages. */
export const INSTRUCTION_NAMES: readonly string[] = Object.keys(INSTRUCTIONS);

/**
 * Changes a configuration by instructions, in their order.
 *
 * @throws {UsageError} with the instruction that is wrong
 */
export function applyInstructions(
  config: RawConfig,
  instructions: readonly string[],
): void {
  const before = new Set<string>();
  for (const instruction of instructions) {
    const [, word = "", text = ""] =
      /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(instruction) ?? [];
    const name = word.toUpperCase();
    const wrong = (fault: string, hint: string) =>
      new UsageError(
        `--change ${withoutControls(instruction) || '""'}: ${fault}`,
        hint,
      );
    if (!Object.hasOwn(INSTRUCTIONS, name)) {
      throw wrong(
        `${withoutControls(word) || '""'} cannot be used here`,
        `Use ${INSTRUCTION_NAMES.join(", ")}.`,
      );
    }
    if (text === "") {
      throw wrong("it has no value", `Write ${name} and a value.`);
    }
    const variables = variablesIn(config);
    try {
      INSTRUCTIONS[name]!({
        config,
        text,
        before,
        lookup: (name) => variables.get(name),
      });
    } catch (error) {
      if (!(error instanceof InstructionFault)) throw error;
      throw wrong(error.message, "See the Dockerfile reference.");
    }
    before.add(name);
  }
}

/** A command: a list in JSON, or a text for the shell. */
function command({ Shell }: RawConfig, text: string): string[] {
  const words = jsonWords(text);
  return words ?? [...Shell?.length ? Shell : ["/bin/sh", "-c"], text];
}

/** `KEY=VALUE …`, or `KEY VALUE` with everything after the space. */
function pairs(text: string, lookup: Lookup): [string, string][] {
  const [first = ""] = /^(?:[^\s"'\\]|\\.|"[^"]*"|'[^']*')+/.exec(text) ?? [];
  if (!first.includes("=")) {
    const [, key = "", value = ""] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
    if (!key) throw new InstructionFault("it takes KEY=VALUE");
    return [[valueOf(key, lookup), valueOf(value, lookup)]];
  }
  return wordsOf(text, lookup).map((word) => {
    const at = word.indexOf("=");
    if (at < 1) {
      throw new InstructionFault(`${word || '""'} is not KEY=VALUE`);
    }
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

function required(words: readonly string[]): readonly string[] {
  if (words.length) return words;
  throw new InstructionFault("it has no value");
}

function one(value: string): string {
  if (value !== "") return value;
  throw new InstructionFault("its value is empty");
}

const LAST_PORT = 65_535;

/** `80`, `80/udp`, `8000-8010/tcp`. */
function* portsOf(word: string): Generator<string> {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const first = Number(found?.[1]);
  const last = Number(found?.[2] ?? first);
  if (!found || first < 1 || last < first || last > LAST_PORT) {
    throw new InstructionFault(
      `${word} is not PORT, PORT-PORT, PORT/udp or PORT/sctp`,
    );
  }
  const protocol = (found[3] ?? "tcp").toLowerCase();
  for (let port = first; port <= last; port++) yield `${port}/${protocol}`;
}

/** Nanoseconds of the units of Go's durations. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  "µs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

function nanoseconds(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  const isWhole = parts.map(([part]) => part).join("") === text;
  const sum = parts.reduce(
    (sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!,
    0,
  );
  // docker's least interval.
  if (text === "0" || isWhole && parts.length && (sum >= 1e6 || sum === 0)) {
    return Math.round(sum);
  }
  throw new InstructionFault(
    `--${flag}=${text} is not a duration of at least 1ms, such as 30s`,
  );
}

const DURATIONS = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const;

function healthCheck(text: string): HealthCheck {
  const check: HealthCheck = {};
  let rest = text;
  for (;;) {
    const found = /^--([a-z-]+)=(\S+)\s*/.exec(rest);
    if (!found) break;
    const [whole, flag = "", value = ""] = found;
    rest = rest.slice(whole.length);
    if (flag === "retries") {
      if (!/^\d{1,9}$/.test(value)) {
        throw new InstructionFault(`--retries=${value} is not a number`);
      }
      check.Retries = Number(value);
    } else if (Object.hasOwn(DURATIONS, flag)) {
      check[DURATIONS[flag as keyof typeof DURATIONS]] = nanoseconds(
        flag,
        value,
      );
    } else throw new InstructionFault(`--${flag} is not one of its flags`);
  }
  const [, kind = "", value = ""] = /^(\S*)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (kind.toUpperCase() === "NONE" && value === "") return { Test: ["NONE"] };
  if (kind.toUpperCase() !== "CMD" || value === "") {
    throw new InstructionFault("it takes CMD and a command, or NONE");
  }
  const words = jsonWords(value);
  return {
    Test: words ? ["CMD", ...words] : ["CMD-SHELL", value],
    ...check,
  };
}
