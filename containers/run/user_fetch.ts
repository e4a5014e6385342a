/**
 * Has an image fetched, or unpacked, for the program of an ordinary user. The
 * owners of its files need the user's namespace, so another Deno does it there,
 * containers/run/fetch_main.ts. Runs on the host, in that program's process.
 */

import { environment } from "../../ffi/environment.ts";
import { moveUp, O, open } from "../../ffi/fcntl.ts";
import { waitForEnd } from "../../ffi/pidfd.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { wait } from "../../ffi/wait.ts";
import type { PullOptions } from "../../images/library.ts";
import { RegistryError } from "../../images/registry/errors.ts";
import { storeOf } from "../../images/store/places.ts";
import {
  ImageStore,
  missing,
  type StoredImage,
} from "../../images/store/store.ts";
import { startContainer } from "../../launch/container.ts";
import { below, checkStarted } from "../../launch/diagnose.ts";
import { HostPhase } from "../../launch/host/host_phase.ts";
import { ContainerError } from "../../spec/errors.ts";
import { foreignStore } from "../decide/images/store_ids.ts";
import type { FetchLine, FetchRequest } from "./fetch_request.ts";
import { Pipes } from "./pipes.ts";
import { storeMaps } from "./store_maps.ts";
import { namespacePlan } from "./user_namespace.ts";

/** The descriptor of Deno in the process. */
const FILE = 3;

/** The program, next to this module. */
const MAIN = "fetch_main.ts";

/** The configuration with the imports of the library. */
const CONFIG = "../../deno.json";

/**
 * The words that start the program.
 *
 * @throws {ContainerError} if there is no Deno to start it
 */
function fetcher(): string[] {
  const isFile = import.meta.url.startsWith("file:");
  if (Deno.build.standalone || !isFile) {
    throw new ContainerError(
      "Cannot fetch images in this program: the owners of their files need a user namespace, and a compiled program cannot start itself there",
      {
        hint:
          "Fetch the image with container pull, or start the program with container unshare.",
      },
    );
  }
  return [
    ...[Deno.execPath(), "run", "--allow-all", "--no-lock", "--quiet"],
    ...["--no-check", "--import-map", new URL(CONFIG, import.meta.url).href],
    new URL(MAIN, import.meta.url).href,
  ];
}

/** How an image is fetched for a user. */
interface Asked extends PullOptions {
  /** The image of the store of which only the layers are to be unpacked. */
  unpack?: StoredImage;
}

/**
 * Fetches an image into a user's store.
 *
 * @throws {ContainerError} as `pull()`
 */
export async function fetchAsUser(
  name: string,
  { onProgress, signal, unpack, store, ...options }: Asked,
): Promise<StoredImage> {
  signal?.throwIfAborted();
  const path = storeOf(store);
  const images = ImageStore.open(path);
  const owner = ownerOf(path);
  if (owner !== null && owner !== Deno.uid()) throw foreignStore(name, path);
  const { platform, authFile, credentials, certificates, maxUnpacked } =
    options;
  const request: FetchRequest = {
    store: path,
    name,
    ...unpack ? { unpack: unpack.digest } : {},
    options: { platform, authFile, credentials, certificates, maxUnpacked },
  };
  let digest: string | undefined;
  let failure: ContainerError | undefined;
  for await (const line of linesOf(path, request, signal)) {
    if ("progress" in line) onProgress?.(line.progress);
    else if ("digest" in line) digest = line.digest;
    else failure = errorOf(line.error);
  }
  signal?.throwIfAborted();
  if (failure) throw failure;
  const image = images.images().find((image) => image.digest === digest);
  if (!image) throw missing(name);
  return image;
}

function ownerOf(path: string): number | null {
  try {
    return Deno.statSync(path).uid;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const errorOf = (
  { name, message, hint, code }: Extract<
    FetchLine,
    { error: unknown }
  >["error"],
): ContainerError =>
  name === "RegistryError"
    ? new RegistryError(message, { hint, code })
    : new ContainerError(message, { hint });

/** Starts the program, and returns its lines. */
async function* linesOf(
  store: string,
  request: FetchRequest,
  signal?: AbortSignal,
): AsyncGenerator<FetchLine> {
  const env = Object.entries(environment()).map(([name, value]) =>
    `${name}=${value}`
  );
  const plan = namespacePlan(storeMaps(store), {
    argv: fetcher(),
    env,
    foreground: false,
    file: FILE,
  });
  using held = new DisposableStack();
  // The path of Deno may lead through directories that are closed to the user.
  const file = held.use(moveUp(open("/proc/self/exe", O.O_RDONLY)));
  const host = held.use(new HostPhase(plan.host, null));
  await host.prepare();
  const pipes = held.use(
    new Pipes({ stdin: "piped", stdout: "piped", stderr: "inherit" }),
  );
  const container = held.use(startContainer({
    plan,
    debug: false,
    preserve: 0,
    foreground: false,
    mounts: {},
    terminal: false,
  }, {
    streams: { ...pipes.theirs, [FILE]: file },
    news: false,
    released: false,
  }));
  const { pid } = container;
  pipes.closeTheirs();
  try {
    await host.attach(pid);
    container.release();
  } catch (error) {
    kill(pid, SIGNAL.SIGKILL);
    wait(pid);
    throw error;
  }
  const ended = waitForEnd(pid);
  const end = () => kill(pid, SIGNAL.SIGTERM);
  signal?.addEventListener("abort", end);
  try {
    await send(pipes, request);
    for await (const line of textLines(pipes.stdout!)) yield JSON.parse(line);
    await ended;
    if (container.walk.outcome().failure) {
      checkStarted(container.walk, below("/", held));
    }
  } finally {
    signal?.removeEventListener("abort", end);
    // The caller may have stopped reading.
    end();
    await ended;
  }
}

async function send({ stdin }: Pipes, request: FetchRequest): Promise<void> {
  try {
    await new Blob([JSON.stringify(request)]).stream().pipeTo(stdin!);
  } catch (error) {
    // It has ended; its output says why.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

async function* textLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
