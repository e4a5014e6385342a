/**
 * Requests to what listens inside a sandbox. Runs on the host, in the program's
 * process.
 */

/** A port of the sandbox as this machine has it. */
export interface Found {
  url: string;
  client: Deno.HttpClient;
}

/** Finds a port of the sandbox. */
export type FindPort = (port: number) => Found;

/** The names of the sandbox's own loopback. */
const OWN = new Set(["localhost", "127.0.0.1"]);
const MOST_REDIRECTS = 20;

/**
 * Where a request really goes.
 *
 * @throws {Deno.errors.NotCapable} for another host: a sandbox has no network
 */
function placeOf(
  url: URL,
  find: FindPort,
): { place: URL; client: Deno.HttpClient } {
  if (url.protocol === "http:" && OWN.has(url.hostname)) {
    const found = find(Number(url.port || 80));
    const place = new URL(found.url);
    place.pathname = url.pathname;
    place.search = url.search;
    return { place, client: found.client };
  }
  throw new Deno.errors.NotCapable(
    `Cannot fetch ${url.origin}: a sandbox reaches only http://localhost, its own`,
  );
}

/** Makes a request in the sandbox's network. */
export async function fetchInside(
  input: string | URL,
  init: RequestInit,
  find: FindPort,
): Promise<Response> {
  const first = new Request(input, init);
  let url = new URL(first.url);
  const follows = first.redirect === "follow";
  const { method, headers, body, signal } = first;
  let request: RequestInit = { method, headers, body, signal };
  for (let redirects = 0;; redirects++) {
    const { place, client } = placeOf(url, find);
    const response = await fetch(place, {
      client,
      ...request,
      redirect: "manual",
    });
    const location = response.headers.get("location");
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status) &&
      location !== null;
    if (!follows || !isRedirect) return response;
    await response.body?.cancel();
    if (redirects >= MOST_REDIRECTS) {
      throw new TypeError(`Cannot fetch ${first.url}: too many redirects`);
    }
    url = new URL(location, url);
    // A body that was read cannot be sent again; browsers do the same.
    request = response.status === 307 || response.status === 308
      ? { ...request, body: null }
      : { headers, signal };
  }
}
