/**
 * `pull()` of the library. Runs on the host, in the program's process.
 */

import {
  asImage,
  type Image,
  openStoreOf,
  pullInto,
  type PullOptions,
} from "../../images/library.ts";

/**
 * Fetches an image from its registry into the store, as `container pull` does.
 * If the image that is here is the registry's, that is one request.
 *
 * The program of an ordinary user starts another Deno, in the user namespace of
 * the user's store, which ends with the fetch.
 *
 * @param name the name of the image, such as `alpine:3.20`
 * @throws {ContainerError} with what is wrong, and the reason of `signal`; the
 * store is as it was before
 */
export async function pull(
  name: string,
  options: PullOptions = {},
): Promise<Image> {
  if (Deno.uid() === 0) {
    return asImage(await pullInto(openStoreOf(options), name, options));
  }
  const { fetchAsUser } = await import("./user_fetch.ts");
  return asImage(await fetchAsUser(name, options));
}
