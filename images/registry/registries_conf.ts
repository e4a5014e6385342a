/**
 * `registries.conf`, version 2, of containers-registries.conf(5): mirrors,
 * insecure and blocked registries, and aliases of short names.
 *
 * `unqualified-search-registries` is not followed: a name would then mean the
 * first registry that happens to have it.
 */

// deno-std's parser puts the mirrors of a registry among the registries.
import { parse } from "smol-toml";
import { withoutControls } from "../../spec/controls.ts";
import { ContainerError } from "../../spec/errors.ts";
import {
  asReference,
  namesRegistry,
  parseReference,
  type Reference,
  repositoryOf,
} from "../spec/reference.ts";
import { registriesFiles } from "./config_files.ts";

/** One place from which images can be fetched. */
export interface Endpoint {
  /** The image there. Its registry can be another than that of the name. */
  reference: Reference;
  /** HTTP, or a certificate that nobody has signed, will do. */
  insecure: boolean;
  /** A mirror: what goes wrong there is not final. */
  isMirror: boolean;
}

/** When a mirror is asked. */
type MirrorUse = "all" | "digest-only" | "tag-only";

interface Mirror {
  location: string;
  insecure: boolean;
  use: MirrorUse;
}

interface Rule {
  prefix: string;
  location: string;
  insecure: boolean;
  blocked: boolean;
  mirrors: Mirror[];
}

/** The settings of all files together. */
export class RegistriesConf {
  constructor(
    readonly rules: readonly Rule[] = [],
    readonly aliases: ReadonlyMap<string, string> = new Map(),
  ) {}

  /**
   * Reads the files that containers-registries.conf(5) names. A later file
   * replaces what an earlier one says of the same prefix or alias.
   *
   * @throws {ContainerError} if a file cannot be read or understood
   */
  static read(): RegistriesConf {
    const rules = new Map<string, Rule>();
    const aliases = new Map<string, string>();
    for (const [file, text] of registriesFiles()) {
      const conf = parseRegistriesConf(text, file);
      conf.rules.forEach((rule) => rules.set(rule.prefix, rule));
      conf.aliases.forEach((value, name) => aliases.set(name, value));
    }
    return new RegistriesConf([...rules.values()], aliases);
  }

  /**
   * The image that a word means: an alias, or else a name of docker.io.
   *
   * @throws {UsageError} if the word is no name of an image
   */
  resolve(word: string): Reference {
    const reference = parseReference(word);
    if (namesRegistry(word)) return reference;
    const alias = this.aliases.get(word.replace(/(:[^:/@]*)?(@.*)?$/, ""));
    const target = alias === undefined ? null : asReference(alias);
    if (!target) return reference;
    const { registry, path } = target;
    return { ...reference, registry, path };
  }

  /**
   * The places of an image, in the order in which they are tried.
   *
   * @throws {ContainerError} if its registry is blocked
   */
  endpoints(reference: Reference): Endpoint[] {
    const rule = this.#ruleFor(reference);
    if (!rule) return [{ reference, insecure: false, isMirror: false }];
    if (rule.blocked) {
      throw new ContainerError(
        `The registry ${rule.prefix} is blocked by registries.conf`,
        {
          hint:
            "Use another registry, or remove `blocked` from its settings, see containers-registries.conf(5).",
        },
      );
    }
    const mirrors = rule.mirrors.filter(({ use }) =>
      use === "all" ||
      (use === "digest-only") === (reference.digest !== undefined)
    ).map(({ location, insecure }) => ({
      reference: moved(reference, rule.prefix, location),
      insecure,
      isMirror: true,
    }));
    return [...mirrors, {
      reference: moved(reference, rule.prefix, rule.location),
      insecure: rule.insecure,
      isMirror: false,
    }];
  }

  /** The rule with the longest prefix of a name. */
  #ruleFor(reference: Reference): Rule | undefined {
    const name = repositoryOf(reference);
    const host = reference.registry.replace(/:\d+$/, "");
    const matches = ({ prefix }: Rule) =>
      prefix.startsWith("*.")
        ? host.endsWith(prefix.slice(1))
        : name === prefix || name.startsWith(`${prefix}/`) ||
          `${name}:${reference.tag ?? ""}` === prefix ||
          `${name}@${reference.digest ?? ""}` === prefix;
    return this.rules.filter(matches)
      .toSorted((one, other) => other.prefix.length - one.prefix.length)[0];
  }
}

/** An image at another location: the prefix of its name is replaced. */
function moved(
  reference: Reference,
  prefix: string,
  location: string,
): Reference {
  if (prefix === location || location === "") return reference;
  const name = repositoryOf(reference);
  const rest = prefix.startsWith("*.")
    ? `/${reference.path}`
    : name.slice(prefix.length);
  const { registry, path } = parseReference(`${location}${rest}`);
  return { ...reference, registry, path };
}

/**
 * Parses one file.
 *
 * @throws {ContainerError} with the file's name
 */
export function parseRegistriesConf(
  text: string,
  file: string,
): RegistriesConf {
  const fault = (problem: string, cause?: unknown) =>
    new ContainerError(`Cannot use ${file}: ${problem}`, {
      hint: "Correct it, see containers-registries.conf(5).",
      cause,
    });
  let conf: Record<string, unknown>;
  try {
    conf = { ...parse(text) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw fault(withoutControls(reason), cause);
  }
  if (isTable(conf.registries)) {
    throw fault("it has version 1, which is not supported");
  }
  const tables = (value: unknown, name: string) => {
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every(isTable)) return value;
    throw fault(`${name} is not a list of tables`);
  };
  const textOf = (table: Table, name: string): string => {
    const { [name]: value = "" } = table;
    if (typeof value === "string") return value.replace(/\/+$/, "");
    throw fault(`${name} is not a text`);
  };
  const flag = (table: Table, name: string): boolean => {
    const { [name]: value = false } = table;
    if (typeof value === "boolean") return value;
    throw fault(`${name} is not true or false`);
  };
  const useOf = (mirror: Table, digestOnly: boolean): MirrorUse => {
    const { "pull-from-mirror": use = digestOnly ? "digest-only" : "all" } =
      mirror;
    if (use === "all" || use === "digest-only" || use === "tag-only") {
      return use;
    }
    throw fault("pull-from-mirror is not all, digest-only or tag-only");
  };
  const rules = tables(conf.registry, "registry").map((table): Rule => {
    const location = textOf(table, "location");
    const prefix = textOf(table, "prefix") || location;
    if (prefix === "") throw fault("a registry has no location and no prefix");
    if (location === "" && !prefix.startsWith("*.")) {
      throw fault(`the registry ${prefix} has no location`);
    }
    return {
      prefix,
      location,
      insecure: flag(table, "insecure"),
      blocked: flag(table, "blocked"),
      mirrors: tables(table.mirror, "mirror").map((mirror) => ({
        location: textOf(mirror, "location"),
        insecure: flag(mirror, "insecure"),
        use: useOf(mirror, flag(table, "mirror-by-digest-only")),
      })),
    };
  });
  const { aliases = {} } = conf;
  if (!isTable(aliases)) throw fault("aliases is not a table");
  return new RegistriesConf(
    rules,
    new Map(
      Object.entries(aliases).filter((pair): pair is [string, string] =>
        typeof pair[1] === "string" && pair[1] !== ""
      ),
    ),
  );
}

type Table = Record<string, unknown>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);
