/**
 * Registries for tests: Debian's docker-registry on loopback, and a proxy in
 * front of it that does not behave.
 */

import { TempDir, until, without } from "../_harness.ts";

/** Why tests of registries are skipped, or null. */
export const NO_REGISTRY = without("docker-registry") ?? without("skopeo");

/** The user of a registry that demands a password. */
export const USER = "me";
export const PASSWORD = "open sesame";
/** What htpasswd -nbB writes for them. */
const HTPASSWD =
  "me:$2b$05$I7bm1P5itsZ8BhhSYlyumuRHR50IgpLY1SFWBpr.n9nvzOIwGynO6\n";

/** A port that nothing uses. */
function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

/** How a registry is started. */
export interface RegistryOptions {
  /** It has TLS, with a certificate of an authority of the test's own. */
  tls?: boolean;
  /** It demands a password. */
  password?: boolean;
}

/** A registry that the test starts and ends. */
export class Registry implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly port = freePort();
  #child: Deno.ChildProcess | undefined;

  private constructor(readonly options: RegistryOptions) {}

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const registry = new Registry(options);
    if (options.tls) await registry.#makeCertificates();
    await registry.#start();
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The directory for `--cert-dir`. */
  get certificates(): string {
    return `${this.dir.path}/certs`;
  }

  async #start(): Promise<void> {
    const { path } = this.dir;
    const { tls, password } = this.options;
    if (password) await Deno.writeTextFile(`${path}/htpasswd`, HTPASSWD);
    const config = {
      version: "0.1",
      log: { level: "error" },
      storage: {
        filesystem: { rootdirectory: `${path}/data` },
        delete: { enabled: true },
      },
      http: {
        addr: this.host,
        ...tls
          ? { tls: { certificate: `${path}/cert.pem`, key: `${path}/key.pem` } }
          : {},
      },
      ...password
        ? { auth: { htpasswd: { realm: "test", path: `${path}/htpasswd` } } }
        : {},
    };
    await Deno.writeTextFile(`${path}/config.yml`, JSON.stringify(config));
    this.#child = new Deno.Command("docker-registry", {
      args: ["serve", `${path}/config.yml`],
      env: { OTEL_TRACES_EXPORTER: "none" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("the registry listens", async () => {
      try {
        const connection = await Deno.connect({
          port: this.port,
          hostname: "127.0.0.1",
        });
        connection.close();
        return true;
      } catch {
        return false;
      }
    });
  }

  /** An authority in `certs`, and a certificate that it has signed. */
  async #makeCertificates(): Promise<void> {
    const { path } = this.dir;
    await Deno.mkdir(this.certificates);
    const script = `
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -keyout ca.key -out certs/ca.crt -days 2 -subj /CN=authority
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -keyout key.pem -out request.pem -subj /CN=registry
printf 'subjectAltName=IP:127.0.0.1' >extensions
openssl x509 -req -in request.pem -CA certs/ca.crt -CAkey ca.key \
  -CAcreateserial -days 2 -extfile extensions -out cert.pem
`;
    const { success, stderr } = await new Deno.Command("sh", {
      args: ["-ec", script],
      cwd: path,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    await this.dir[Symbol.asyncDispose]();
  }
}

/** What a proxy does with a request: an answer, or null to pass it on. */
export type Fault = (
  request: Request,
  url: URL,
) => Response | null | Promise<Response | null>;

/** A proxy in front of a registry. */
export class Proxy implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** What was requested: `GET /v2/…`. */
  readonly seen: string[] = [];
  /** The requests that had credentials. */
  readonly authorized: string[] = [];
  fault: Fault = () => null;

  constructor(readonly target: string) {
    this.#server = Deno.serve({
      port: 0,
      hostname: "127.0.0.1",
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
    }, async (request) => {
      const url = new URL(request.url);
      const line = `${request.method} ${url.pathname}`;
      this.seen.push(line);
      if (request.headers.has("authorization")) this.authorized.push(line);
      return await this.fault(request, url) ?? await this.pass(request, url);
    });
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** Passes a request on to the registry. */
  async pass(request: Request, url: URL): Promise<Response> {
    const headers = new Headers(request.headers);
    headers.delete("host");
    const response = await fetch(
      `http://${this.target}${url.pathname}${url.search}`,
      {
        method: request.method,
        headers,
        body: request.body ? await request.bytes() : undefined,
        redirect: "manual",
      },
    );
    const own = new Headers(response.headers);
    const location = own.get("location");
    if (location) {
      own.set("location", location.replace(this.target, this.host));
    }
    return new Response(response.body, {
      status: response.status,
      headers: own,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
