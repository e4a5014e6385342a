/**
 * The helper programs for credentials, `docker-credential-NAME`: they keep
 * passwords in the keyring of a desktop or of a cloud. Each gets its input on
 * standard input and answers on standard output. Runs in the command's process.
 */

import { withoutControls } from "../../spec/controls.ts";
import { ContainerError } from "../../spec/errors.ts";

/** What a registry accepts instead of anonymous access. */
export interface Credentials {
  user: string;
  password: string;
  /** A token to get other tokens with, instead of a name and a password. */
  identityToken?: string;
  /** A token for the registry itself. */
  registryToken?: string;
}

/** The answer of every helper for a registry that it does not know. */
const UNKNOWN = /credentials not found|not found in native keychain/i;

/** The name that says that the password is a token. */
const TOKEN_USER = "<token>";

/**
 * Asks a helper for the credentials of a registry; null if it has none.
 *
 * @throws {ContainerError} if it fails
 */
export async function askHelper(
  helper: string,
  registry: string,
): Promise<Credentials | null> {
  const { success, answer } = await call(helper, "get", registry);
  if (!success) {
    if (UNKNOWN.test(answer)) return null;
    throw failed(helper, answer);
  }
  try {
    const value: unknown = JSON.parse(answer);
    if (
      typeof value === "object" && value !== null && "Secret" in value &&
      typeof value.Secret === "string" && "Username" in value &&
      typeof value.Username === "string"
    ) {
      return value.Username === TOKEN_USER
        ? { user: "", password: "", identityToken: value.Secret }
        : { user: value.Username, password: value.Secret };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw failed(helper, "its answer has no Username and Secret");
}

/** Gives credentials to a helper. */
export async function storeWithHelper(
  helper: string,
  registry: string,
  { user, password, identityToken }: Credentials,
): Promise<void> {
  const { success, answer } = await call(
    helper,
    "store",
    JSON.stringify({
      ServerURL: registry,
      Username: identityToken ? TOKEN_USER : user,
      Secret: identityToken ?? password,
    }),
  );
  if (!success) throw failed(helper, answer);
}

/** Removes credentials from a helper. */
export async function eraseWithHelper(
  helper: string,
  registry: string,
): Promise<void> {
  const { success, answer } = await call(helper, "erase", registry);
  if (!success) throw failed(helper, answer);
}

async function call(
  helper: string,
  action: string,
  input: string,
): Promise<{ success: boolean; answer: string }> {
  // A name from a file must not become a path to another program.
  if (!/^[\w.-]+$/.test(helper)) {
    throw failed(helper, "this is not the name of a helper");
  }
  try {
    const child = new Deno.Command(`docker-credential-${helper}`, {
      args: [action],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const writer = child.stdin.getWriter();
    const written = writer.write(new TextEncoder().encode(input))
      .then(() => writer.close()).catch((error) => {
        // It ended without reading all of its input.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      });
    const [{ success, stdout }] = await Promise.all([child.output(), written]);
    return { success, answer: new TextDecoder().decode(stdout).trim() };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw failed(helper, "it is not installed", cause);
  }
}

const failed = (helper: string, reason: string, cause?: unknown) =>
  new ContainerError(
    `Cannot ask docker-credential-${withoutControls(helper)}: ${
      withoutControls(reason.slice(0, 200)) || "it failed"
    }`,
    {
      hint:
        "Install or repair it, or use another file with --authfile or --creds.",
      cause,
    },
  );
