/**
 * The errors of registries in plain words: the distribution specification's
 * codes, statuses of HTTP, and failures of the network. Pure.
 */

import { withoutControls } from "../../spec/controls.ts";
import { ContainerError } from "../../spec/errors.ts";

/** A request failed. */
export class RegistryError extends ContainerError {
  override name = "RegistryError";
  /** The status of HTTP; 0 if there was no answer. */
  readonly code: number;
  /** The codes of the specification, such as MANIFEST_UNKNOWN. */
  readonly codes: readonly string[];
  /** Nothing answered with TLS: the registry may be one without. */
  readonly isUnanswered: boolean;
  /** The certificate is refused. */
  readonly isUntrusted: boolean;
  constructor(
    message: string,
    {
      hint,
      code = 0,
      codes = [],
      isUnanswered = false,
      isUntrusted = false,
      cause,
    }: {
      hint?: string;
      code?: number;
      codes?: readonly string[];
      isUnanswered?: boolean;
      isUntrusted?: boolean;
      cause?: unknown;
    } = {},
  ) {
    super(message, { hint, cause });
    this.code = code;
    this.codes = codes;
    this.isUnanswered = isUnanswered;
    this.isUntrusted = isUntrusted;
  }
}

/** The longest part of a registry's own message that is shown. */
const SHOWN = 200;

/** For each code, the cause in plain words and how to fix it. */
const CODES: Readonly<Record<string, readonly [cause: string, hint: string]>> =
  {
    BLOB_UNKNOWN: [
      "the registry does not have a part of the image",
      "Push the image again, or choose another.",
    ],
    BLOB_UPLOAD_INVALID: [
      "the registry refuses the upload",
      "Try again; the registry's log has the reason.",
    ],
    BLOB_UPLOAD_UNKNOWN: [
      "the registry has forgotten the upload",
      "Try again.",
    ],
    DIGEST_INVALID: [
      "the registry received other content than was sent",
      "Try again; if it happens again, a proxy is broken.",
    ],
    MANIFEST_BLOB_UNKNOWN: [
      "the registry lacks a layer that the image needs",
      "Push the image again.",
    ],
    MANIFEST_INVALID: [
      "the registry does not accept this kind of image",
      "Use a newer registry.",
    ],
    MANIFEST_UNKNOWN: [
      "the registry has no such tag or digest",
      "Check the tag; the registry's page lists them.",
    ],
    NAME_INVALID: [
      "the registry does not accept this name",
      "Check the name of the repository.",
    ],
    NAME_UNKNOWN: [
      "the registry has no such repository",
      "Check the name; a private repository needs container login.",
    ],
    SIZE_INVALID: [
      "the registry received fewer bytes than were sent",
      "Try again.",
    ],
    UNAUTHORIZED: [
      "the registry refuses the credentials, or needs some",
      "Use container login, or --creds.",
    ],
    DENIED: [
      "access to the repository is denied",
      "Check its name; use container login, or ask its owner for access.",
    ],
    UNSUPPORTED: [
      "the registry does not support this",
      "Use another registry.",
    ],
    TOOMANYREQUESTS: [
      "the registry has had too many requests",
      "Try later; container login can raise the limit.",
    ],
  };

/** The code that a status means if the registry sends none. */
const OF_STATUS: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  429: "TOOMANYREQUESTS",
};

/** The errors in the body of an answer. */
export function errorsIn(
  text: string,
): { code: string; message: string }[] {
  try {
    const value: unknown = JSON.parse(text);
    if (
      typeof value !== "object" || value === null || !("errors" in value) ||
      !Array.isArray(value.errors)
    ) return [];
    return value.errors.flatMap((error: unknown) => {
      if (typeof error !== "object" || error === null) return [];
      const { code, message } = error as Record<string, unknown>;
      return [{
        code: typeof code === "string" ? code : "",
        message: typeof message === "string" ? message : "",
      }];
    });
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/**
 * The error for an answer that is not a success.
 *
 * @param action what was tried: `Cannot pull alpine from docker.io`
 */
export function answerError(
  action: string,
  status: number,
  body: string,
): RegistryError {
  const errors = errorsIn(body);
  const codes = errors.map(({ code }) => code);
  const code = codes.find((code) => Object.hasOwn(CODES, code)) ??
    OF_STATUS[status];
  const said = withoutControls(
    (errors.find(({ message }) => message)?.message ?? "").slice(0, SHOWN),
  );
  const [cause, hint] = code === undefined
    ? [
      `the registry answers with status ${status}`,
      status >= 500
        ? "Try later: the registry has a problem."
        : "Check the name of the registry.",
    ]
    : CODES[code]!;
  return new RegistryError(
    `${action}: ${cause}${said ? ` (${said})` : ""}`,
    { hint, code: status, codes },
  );
}

/** Failures of the network, in plain words. `again`: another try can help. */
const NETWORK: readonly (readonly [
  pattern: RegExp,
  cause: string,
  hint: string,
  again?: true,
])[] = [
  [
    /dns error|failed to lookup|Name or service not known/i,
    "its name cannot be resolved",
    "Check the name of the registry and the network.",
  ],
  [
    /UnknownIssuer|CaUsedAsEndEntity|SelfSigned|invalid peer certificate: Other/i,
    "its certificate is not signed by a known authority",
    "Put the authority's certificate into /etc/containers/certs.d/REGISTRY/ca.crt.",
  ],
  [
    /invalid peer certificate: Expired/i,
    "its certificate has expired",
    "Check the clock of this machine, or tell the owner of the registry.",
  ],
  [
    /NotValidForName/i,
    "its certificate is for another name",
    "Use the name in the certificate.",
  ],
  [
    /invalid peer certificate|certificate/i,
    "its certificate is not valid",
    "Tell the owner of the registry.",
  ],
  [
    /InvalidContentType|corrupt message|invalid HTTP version/i,
    "it does not use TLS",
    "If it may be used without, set insecure = true for it in registries.conf.",
  ],
  [
    /Connection refused/i,
    "the connection is refused",
    "Check the name and the port, and that the registry runs.",
  ],
  [
    /unreachable/i,
    "the network is unreachable",
    "Check the network.",
  ],
  [
    /timed out|timeout/i,
    "it does not answer in time",
    "Check the network, or try later.",
    true,
  ],
];

/** A failure of the network in plain words. */
export interface NetworkFailure {
  cause: string;
  hint: string;
  /** Another try can help. */
  again: boolean;
  /** The other side has TLS, with a certificate that is refused. */
  hasTls: boolean;
}

/** Puts a failure of the network into plain words. */
export function networkFailure(error: unknown): NetworkFailure {
  const text = error instanceof Error
    ? `${error.message} ${
      error.cause instanceof Error ? error.cause.message : error.cause ?? ""
    }`
    : String(error);
  const known = NETWORK.find(([pattern]) => pattern.test(text));
  if (known) {
    const [, cause, hint, again = false] = known;
    return { cause, hint, again, hasTls: /certificate/.test(cause) };
  }
  return {
    cause: "the connection broke",
    hint: "Check the network, or try later.",
    again: true,
    hasTls: false,
  };
}
