/**
 * Builds the tree in a fresh directory, on the host, before any container.
 *
 * @module
 */
import { RootfsError } from "./errors.ts";
import {
  DIRECTORIES,
  FILES,
  MINIMAL_DIRECTORIES,
  SEED_APPLETS,
} from "./skeleton.ts";

/** What a tree is made of. */
export interface AssembleOptions {
  /** A verified static busybox. */
  readonly busybox: Uint8Array;
  /** The names it answers to. */
  readonly applets: readonly string[];
  /** Only bin with busybox and the seed's links, and proc. */
  readonly minimal: boolean;
  /** The directory to make; it must not exist. */
  readonly into: string;
}

/** Builds a root filesystem. What a failure leaves behind is the caller's. */
export function assemble(options: AssembleOptions): void {
  const { busybox, minimal, into } = options;
  const missing = SEED_APPLETS.filter((name) =>
    !options.applets.includes(name)
  );
  if (missing.length > 0) {
    throw new RootfsError(
      `Cannot build a root filesystem: this busybox lacks ${
        missing.join(", ")
      }`,
      { hint: "use another one" },
    );
  }

  makeDirectory(into, 0o755);
  for (const { path, mode } of minimal ? MINIMAL_DIRECTORIES : DIRECTORIES) {
    makeDirectory(`${into}/${path}`, mode);
  }
  writeNew(`${into}/bin/busybox`, busybox, 0o755);
  for (const name of new Set(minimal ? SEED_APPLETS : options.applets)) {
    if (name === "busybox") continue;
    // Relative, so that the links hold on the host and inside alike.
    Deno.symlinkSync("busybox", `${into}/bin/${name}`);
  }
  if (minimal) return;
  const encoder = new TextEncoder();
  for (const { path, mode, text } of FILES) {
    writeNew(`${into}/${path}`, encoder.encode(text), mode);
  }
}

/** Makes a directory with exactly this mode, whatever the umask is. */
export function makeDirectory(path: string, mode: number): void {
  Deno.mkdirSync(path);
  Deno.chmodSync(path, mode);
}

/** Writes a file that must not exist, with exactly this mode. */
export function writeNew(path: string, data: Uint8Array, mode: number): void {
  // Not readable to others before the mode is right.
  Deno.writeFileSync(path, data, { createNew: true, mode: 0o600 });
  Deno.chmodSync(path, mode);
}
