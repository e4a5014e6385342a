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
    const headers = new Headers(request.headers);
    headers.set("host", url.host);
    const response = await fetch(place, {
      client,
      ...request,
      headers,
      redirect: "manual",
    });
    const location = response.headers.get("location");
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status) &&
      location !== null;
    if (isRedirect && first.redirect === "error") {
      await response.body?.cancel();
      throw new TypeError(`Cannot fetch ${first.url}: it redirects`);
    }
    if (!follows || !isRedirect) return response;
    await response.body?.cancel();
    if (redirects >= MOST_REDIRECTS) {
      throw new TypeError(`Cannot fetch ${first.url}: too many redirects`);
    }
    url = new URL(location, url);
    request = next(request, response.status);
  }
}

/**
 * The request after a redirect, as the Fetch standard says: GET after 303, and
 * after 301 and 302 of a POST.
 *
 * @throws {TypeError} if a body that was read already is to be sent again
 */
function next(request: RequestInit, status: number): RequestInit {
  const { method = "GET", headers, body, signal } = request;
  const isGet = status === 303 && method !== "HEAD" ||
    (status === 301 || status === 302) && method === "POST";
  if (isGet) return { headers, signal };
  if (body) {
    throw new TypeError(
      "Cannot follow a redirect that asks for the body again",
    );
  }
  return { method, headers, signal };
}
