/**
 * What the name of an image means, without parsing registries.conf: most runs
 * need no more than to know that no alias changes the name.
 */

import {
  asReference,
  namesRegistry,
  type Reference,
  repositoryOf,
} from "../spec/reference.ts";
import { registriesFiles } from "./config_files.ts";

/**
 * What a name means; null if that takes a closer look, or if it is no name.
 *
 * @throws {ContainerError} if a file cannot be read
 */
export function quickMeaning(word: string): Reference | null {
  const plain = asReference(word);
  if (!plain || namesRegistry(word)) return plain;
  const name = word.replace(/(:[^:/@]*)?(@.*)?$/, "");
  const target = repositoryOf(plain);
  const isPlain = registriesFiles().every(([, text]) =>
    keepsName(text, name, target)
  );
  return isPlain ? plain : null;
}

/**
 * Whether a file has no alias for a name, or only the one that people expect:
 * `"alpine" = "docker.io/library/alpine"`. False if that is not certain.
 */
export function keepsName(text: string, name: string, target: string): boolean {
  if (!text.includes(name)) return !text.includes("\\");
  const key = RegExp.escape(name);
  const count = (pattern: string) =>
    text.match(new RegExp(pattern, "gm"))?.length ?? 0;
  return !text.includes("\\") &&
    count(`(?<![\\w./:-])${key}(?![\\w./:-])`) ===
      count(`^[ \\t]*"?${key}"? *= *"${RegExp.escape(target)}"[ \\t]*$`);
}
