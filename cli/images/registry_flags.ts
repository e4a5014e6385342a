/** The flags of commands that talk to registries. */

import { parseCredentials } from "../../images/registry/credentials.ts";
import type { SessionOptions } from "../../images/registry/session.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flag, Flags } from "../flags.ts";

/** The file with credentials. */
export const AUTH_FILE: Flag = {
  name: "authfile",
  value: "FILE",
  help: "File with credentials, instead of those of docker and podman",
};

/** Certificates and TLS. */
export const TLS_FLAGS: readonly Flag[] = [
  {
    name: "cert-dir",
    value: "DIR",
    help: "Directory with certificates (*.crt, *.cert, *.key)",
  },
  {
    name: "tls-verify",
    value: "BOOL",
    optional: /^(true|false)$/,
    help: "false: the registry may have no TLS (default: true)",
  },
];

/** The flags of pull and push. */
export const REGISTRY_FLAGS: readonly Flag[] = [
  AUTH_FILE,
  {
    name: "creds",
    value: "USER:PASSWORD",
    help: "Credentials; others can see them in the list of processes",
  },
  ...TLS_FLAGS,
];

/**
 * What the flags say.
 *
 * @throws {UsageError}
 */
export function sessionOptions(flags: Flags): SessionOptions {
  const creds = flags.last("creds");
  const verify = flags.last("tls-verify") ?? "true";
  if (verify !== "true" && verify !== "false") {
    throw new UsageError(`--tls-verify ${verify}: expected true or false`);
  }
  return {
    authFile: flags.last("authfile"),
    ...creds === undefined ? {} : { credentials: parseCredentials(creds) },
    certificates: flags.last("cert-dir"),
    insecure: verify === "false",
  };
}

/**
 * A signal that Ctrl-C and SIGTERM abort, so that nothing stays behind. SIGHUP
 * keeps its meaning: nohup(1) may have set it to be ignored.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  #signal: Deno.Signal | undefined;
  readonly #listeners = (["SIGINT", "SIGTERM"] as const).map(
    (signal) => ({
      signal,
      listener: () => {
        this.#signal ??= signal;
        this.#controller.abort(new Error(`interrupted by ${signal}`));
      },
    }),
  );

  constructor() {
    for (const { signal, listener } of this.#listeners) {
      Deno.addSignalListener(signal, listener);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status of a command that a signal has ended, as in a shell. */
  get status(): number | null {
    return this.#signal === undefined ? null : STATUS[this.#signal] ?? null;
  }

  [Symbol.dispose](): void {
    for (const { signal, listener } of this.#listeners) {
      Deno.removeSignalListener(signal, listener);
    }
  }
}

const STATUS: Partial<Record<Deno.Signal, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
};
