/**
 * The image of `run`: finds out whether the first word is one, fetches it if it
 * may be fetched, and merges its configuration into the flags. Runs on the host,
 * in the command's process.
 */

import {
  commandOf,
  imageFlags,
  withImageConfig,
} from "../../containers/decide/images/image_config.ts";
import type { ImageRoot } from "../../containers/decide/images/image_root.ts";
import {
  meaningOf,
  meaningOfImage,
} from "../../containers/decide/images/image_word.ts";
import type { ContainerOptions } from "../../containers/decide/options.ts";
import { orNull, type Requester } from "../../containers/decide/requester.ts";
import { WHEN, type When } from "../../containers/decide/images/when.ts";
import { isImageMount } from "../../plan/mounts/image_mounts.ts";
import { DEFAULT_PATH } from "../../spec/defaults.ts";
import {
  CommandError,
  ContainerError,
  EXIT,
  UsageError,
} from "../../spec/errors.ts";
import { Flags } from "../flags.ts";
import { entrypointWords } from "../parse_run.ts";
import { isKept } from "../run_flags.ts";
import { withImageNetwork, withNetworkVariable } from "../network/default.ts";
import {
  isNetworkName,
  isWayOutWord,
  optionsFromFlags,
} from "../run_options.ts";

/** What a command line of `run` asks for. */
export interface Asked {
  /** The flags, with the command as their other words. */
  flags: Flags;
  options: ContainerOptions;
  /** The paths of the image's volumes. */
  volumes?: readonly string[];
  /** The network that was chosen, since the flags name none. */
  network?: string;
  /** The root filesystem, if it is an image. */
  image?: ImageRoot;
  /** The first word, if it could be the name of an image that is not here. */
  couldBe?: string;
}

/** How an image is looked for. */
export interface Looking {
  /** Only look: nothing is fetched, unpacked or changed. */
  explain: boolean;
  /** The default root filesystem, if there is one. */
  rootfs(): Promise<string | null>;
}

/**
 * Reads the command line of `run`, with the volumes that it names.
 *
 * @throws {UsageError} for wrong flags, {ContainerError} for an image or volume
 * that cannot be had
 */
export async function askedFor(
  given: Flags,
  requester: Requester,
  looking: Looking,
): Promise<Asked> {
  const found = await withPortsOf(
    await rootAndCommand(given, requester, looking),
    given,
  );
  const asked = found.options.mounts?.some(isImageMount)
    ? await withMounts(found, given, looking)
    : found;
  const { flags, options, image, volumes: paths } = asked;
  const isNone = !paths?.length && flags.last("volumes-from") === undefined &&
    !options.mounts?.some(({ type }) => type === "volume");
  if (isNone) return asked;
  const { withVolumes } = await import("../volumes/with_store.ts");
  return { ...asked, options: withVolumes(options, { flags, image, paths }) };
}

/** Adds the images that are mounted. */
async function withMounts(
  asked: Asked,
  flags: Flags,
  { explain }: Looking,
): Promise<Asked> {
  const { withMountedImages } = await import("./mounts/mounted_images.ts");
  const how = { flags, explain, when: pullWhen(flags) };
  return { ...asked, options: await withMountedImages(asked.options, how) };
}

/** Reads the command line without its volumes. */
async function rootAndCommand(
  original: Flags,
  requester: Requester,
  looking: Looking,
): Promise<Asked> {
  const named = original.last("image");
  const given = withNetworkVariable(original, requester);
  const entrypoint = entrypointOf(given);
  // The words begin with those of --entrypoint.
  const rest = given.rest.slice(entrypoint?.length ?? 0);
  const [word, ...words] = named === undefined ? rest : [named, ...rest];
  const flags = named === undefined || word === undefined
    ? given
    : new Flags(given.given, [word, ...given.rest]);
  // A wrong flag is reported before anything is looked up.
  const asked = optionsFromFlags(flags, requester);
  const joined = namesNetwork(flags)
    ? await withNetworks(asked, flags, requester)
    : null;
  const when = pullWhen(given);
  if (named !== undefined && asked.rootfs !== undefined) {
    throw new UsageError(
      "--image and --rootfs cannot be used together",
      "Remove one of them.",
    );
  }
  if (word === undefined || word === "") {
    return { flags, options: joined ?? asked };
  }
  const meaning = named !== undefined
    ? meaningOfImage(word)
    : await meaningOf(word, {
      hasRoot: asked.rootfs !== undefined,
      isCommand: async () => {
        const root = await looking.rootfs();
        return root !== null && isCommandIn(root, word, asked, requester);
      },
      isHere: async () => (await import("./image_of.ts")).isHere(word),
    });
  if (meaning.kind === "command") {
    if (!asked.mounts?.some(isImageMount)) refuseImageFlags(given, word);
    const options = joined ?? await withNetworks(asked, flags, requester);
    return {
      flags,
      options,
      ...joined ? {} : chosen(options),
      ...(meaning.couldBe ? { couldBe: word } : {}),
    };
  }
  if (asked.overlay !== undefined) {
    throw new UsageError(
      `--overlay: a container of the image ${word} has a directory of its own for changes`,
      "Remove --overlay. With --name NAME the changes stay until rm.",
    );
  }
  const options = joined ??
    await withNetworks(asked, withImageNetwork(flags, requester), requester);
  const { imageOf } = await import("./image_of.ts");
  const { image, config } = await imageOf(word, {
    when: meaning.kind === "place" || meaning.fetch ? when : "never",
    isPlace: meaning.kind === "place",
    explain: looking.explain,
    flags: given,
  });
  if (image.missing !== undefined && !image.chains.length && !words.length) {
    throw new ContainerError(
      `Cannot explain the image ${word}: it is not here, and may say which command runs`,
      {
        hint: `Name a command, or fetch the image: container pull ${word}.`,
      },
    );
  }
  const command = commandOf(word, config, { entrypoint, words });
  return {
    flags: new Flags(
      [...(isKept(given) ? imageFlags(config) : []), ...given.given],
      command,
    ),
    image: entrypoint ? { ...image, entrypoint: entrypoint.length } : image,
    volumes: config.Volumes,
    ...joined ? {} : chosen(options),
    options: withImageConfig({ ...options, command }, config, {
      workdir: given.last("workdir") !== undefined,
    }),
  };
}

const namesNetwork = (flags: Flags) => flags.last("network") !== undefined;

/** The network that nobody has named. */
function chosen(
  { networks, wayOut }: ContainerOptions,
): Pick<Asked, "network"> {
  const name = networks?.places[0]?.network.name ?? wayOut?.program;
  return name === undefined ? {} : { network: name };
}

const PUBLISHING = ["publish", "publish-all"];

/** Flags that need a network. */
const NETWORK_FLAGS = [
  ...["ip", "ip6", "mac-address", "network-alias", ...PUBLISHING],
];

/** Adds the ports that the flags and the image name. */
async function withPortsOf(asked: Asked, given: Flags): Promise<Asked> {
  const image = asked.image?.shown?.ExposedPorts ?? [];
  const isNone = !image.length &&
    ["publish", "expose"].every((name) => given.last(name) === undefined);
  if (isNone) return asked;
  const { withPorts } = await import("../network/published.ts");
  return { ...asked, options: withPorts(asked.options, given, image) };
}

/** Adds the networks that flags name. */
async function withNetworks(
  options: ContainerOptions,
  flags: Flags,
  requester: Requester,
): Promise<ContainerOptions> {
  const shared = flags.last("network");
  // A published port of a user needs a way out.
  const needsWay = shared === undefined && requester.caller.uid !== 0 &&
    PUBLISHING.some((name) => flags.last(name) !== undefined);
  const word = needsWay ? "pasta" : shared;
  if (word !== undefined && isWayOutWord(word)) {
    const { withWayOut } = await import("../network/way_out.ts");
    return withWayOut(options, word, { flags, requester });
  }
  if (shared?.startsWith("container:")) {
    const { shareNetwork } = await import("../network/shared.ts");
    return shareNetwork(options, shared, flags);
  }
  if (
    !flags.all("network").some(isNetworkName) &&
    NETWORK_FLAGS.every((name) => flags.last(name) === undefined)
  ) return options;
  const { networksOf } = await import("../network/attached.ts");
  const networks = networksOf(flags);
  return networks ? { ...options, networks } : options;
}

/** The words of `--entrypoint`: none for an empty one, undefined without. */
function entrypointOf(given: Flags): readonly string[] | undefined {
  const text = given.last("entrypoint");
  return text === undefined ? undefined : text ? entrypointWords(text) : [];
}

function pullWhen(given: Flags): When {
  const text = given.last("pull") ?? "missing";
  const when = WHEN.find((when) => when === text);
  if (when) return when;
  throw new UsageError(
    `--pull ${text}: not one of ${WHEN.join(", ")}`,
    "Without --pull an image is fetched if it is missing.",
  );
}

/** Whether a command is in a root filesystem, as the container will find it. */
function isCommandIn(
  rootfs: string,
  word: string,
  { env = {}, workdir = "/" }: ContainerOptions,
  { world }: Requester,
): boolean {
  const directories = word.includes("/")
    ? [workdir]
    : (env.PATH ?? DEFAULT_PATH).split(":");
  return orNull(() => {
    using root = world.openDirectory(rootfs);
    return directories.some((directory) =>
      root.stat(`${directory}/${word}`) !== null
    );
  }) ?? false;
}

/** A flag for an image has no effect on a command. */
function refuseImageFlags(given: Flags, word: string): void {
  const flag = ["pull", "platform"].find((name) =>
    given.last(name) !== undefined
  );
  if (flag === undefined) return;
  throw new UsageError(
    `--${flag}: ${word} is a command, not an image`,
    "Name the image with its tag, or with --image NAME.",
  );
}

/** Adds to the error for a command that was not found what it could be. */
export function withCure(error: unknown, { couldBe }: Asked): unknown {
  if (
    couldBe === undefined || !(error instanceof CommandError) ||
    error.status !== EXIT.notFound ||
    !error.message.startsWith(`Cannot run ${couldBe}: `)
  ) return error;
  return new CommandError(error.message, {
    hint:
      `${error.hint} If it is an image, \`container run ${couldBe}:latest\` fetches it.`,
    status: error.status,
    cause: error,
  });
}
