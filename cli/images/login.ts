/** `container login` and `container logout`: credentials for registries. */

import type { Credentials } from "../../images/registry/credential_helper.ts";
import {
  findCredentials,
  forgetCredentials,
  keepCredentials,
} from "../../images/registry/credentials.ts";
import { Session } from "../../images/registry/session.ts";
import { asReference, DEFAULT_REGISTRY } from "../../images/spec/reference.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, type Flags, parseFlagsAndNames } from "../flags.ts";
import { print, printBytes, warn } from "../output.ts";
import { AUTH_FILE, sessionOptions, TLS_FLAGS } from "./registry_flags.ts";

const FLAGS: readonly Flag[] = [
  { name: "username", short: "u", value: "USER", help: "The user's name" },
  {
    name: "password",
    short: "p",
    value: "PASSWORD",
    help: "The password; others can see it in the list of processes",
  },
  { name: "password-stdin", help: "Read the password from standard input" },
  { name: "get-login", help: "Print the name of the user who is logged in" },
  AUTH_FILE,
  ...TLS_FLAGS,
];

/**
 * The registry that a word names: docker's old address means docker.io.
 *
 * @throws {UsageError}
 */
function registryOf({ rest }: Flags, command: string): string {
  const [word = DEFAULT_REGISTRY, ...more] = rest;
  if (more.length) {
    throw new UsageError(
      `container ${command} takes one registry`,
      `See container ${command} --help.`,
    );
  }
  const name = word.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  const isDocker = /^(index\.|registry-1\.)?docker\.io$/.test(name);
  const host = isDocker ? DEFAULT_REGISTRY : name;
  const reference = asReference(`${host}/any/any`);
  if (reference && `${host}/`.startsWith(`${reference.registry}/`)) return host;
  throw new UsageError(
    `${word} is not the name of a registry`,
    "Give its host, for example ghcr.io or localhost:5000.",
  );
}

/** Keeps credentials for a registry. */
export const loginCommand: Command = {
  name: "login",
  summary: "Keep credentials for a registry",
  usage: "[flags] [REGISTRY]",
  flags: FLAGS,
  examples: [
    ["container login ghcr.io", "asks for the name and the password"],
    ["container login -u me --password-stdin <FILE", "docker.io, in a script"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container login");
    const registry = registryOf(flags, "login");
    const file = flags.last("authfile");
    if (flags.has("get-login")) {
      const found = await findCredentials(registry, "", { file });
      if (!found) {
        throw new ContainerError(`Not logged in to ${registry}`, {
          hint: `Use container login ${registry}.`,
        });
      }
      print(found.user);
      return 0;
    }
    const credentials = await credentialsFrom(flags, registry);
    using session = new Session({ ...sessionOptions(flags), credentials });
    await session.logIn(registry);
    const { place, isPlain } = await keepCredentials(registry, credentials, {
      file,
    });
    if (isPlain) {
      warn(
        `The password is in ${place}, readable for this user. A credential helper keeps it elsewhere.`,
      );
    }
    print("Login Succeeded");
    return 0;
  },
};

async function credentialsFrom(
  flags: Flags,
  registry: string,
): Promise<Credentials> {
  const isStdin = flags.has("password-stdin");
  if (isStdin && flags.last("password") !== undefined) {
    throw new UsageError(
      "--password and --password-stdin exclude each other",
      "Use --password-stdin.",
    );
  }
  const user = flags.last("username") ??
    (isStdin ? undefined : ask(`Username for ${registry}: `));
  if (!user) {
    throw new UsageError(
      `Cannot log in to ${registry}: the name of the user is missing`,
      "Give it with --username.",
    );
  }
  const password = isStdin
    ? (await new Response(Deno.stdin.readable).text()).replace(/\r?\n$/, "")
    : flags.last("password") ?? ask("Password: ", { secret: true });
  if (password) return { user, password };
  throw new UsageError(
    `Cannot log in to ${registry}: the password is empty`,
    "Give it with --password-stdin.",
  );
}

const ENTER = 13;
const NEWLINE = 10;
const BACKSPACE = new Set([8, 127]);
const CTRL_C = 3;
const CTRL_D = 4;

/** Asks on the terminal; a secret does not appear on it. */
function ask(question: string, { secret = false } = {}): string | undefined {
  if (!Deno.stdin.isTerminal()) return undefined;
  const write = (text: string) =>
    printBytes(new TextEncoder().encode(text), "stderr");
  write(question);
  const bytes: number[] = [];
  const byte = new Uint8Array(1);
  if (secret) Deno.stdin.setRaw(true);
  try {
    while (Deno.stdin.readSync(byte) !== null) {
      const [code = 0] = byte;
      if (code === ENTER || code === NEWLINE || code === CTRL_D) break;
      if (secret && code === CTRL_C) return undefined;
      if (secret && BACKSPACE.has(code)) bytes.pop();
      else bytes.push(code);
    }
  } finally {
    if (secret) {
      Deno.stdin.setRaw(false);
      write("\n");
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes)).trim();
}

/** Forgets the credentials for a registry. */
export const logoutCommand: Command = {
  name: "logout",
  summary: "Forget the credentials for a registry",
  usage: "[flags] [REGISTRY]",
  flags: [AUTH_FILE],
  examples: [["container logout ghcr.io", "in every file that has them"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container logout");
    const registry = registryOf(flags, "logout");
    const file = flags.last("authfile");
    print(
      await forgetCredentials(registry, { file })
        ? `Removed the credentials for ${registry}`
        : `Not logged in to ${registry}`,
    );
    return 0;
  },
};
