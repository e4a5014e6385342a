/**
 * Builds the tree of a root filesystem in a new directory. Runs on the host,
 * before any container exists.
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

/** The content of a tree. */
export interface AssembleOptions {
  /** A verified static busybox. */
  readonly busybox: Uint8Array;
  /** The names of its applets. */
  readonly applets: readonly string[];
  /** Only bin with busybox and the links of the seed program, and proc. */
  readonly minimal: boolean;
  /** The directory to create; it must not exist. */
  readonly into: string;
}

/**
 * Builds a root filesystem. After a failure the caller removes what is left.
 *
 * @throws {RootfsError} if the busybox lacks an applet
 */
export function assemble(options: AssembleOptions): void {
  const { busybox, minimal, into } = options;
  const missing = SEED_APPLETS.filter((name) =>
    !options.applets.includes(name)
  );
  if (missing.length > 0) {
    throw new RootfsError(
      `Cannot build a root filesystem: this busybox does not have ${
        missing.join(", ")
      }`,
      { hint: "use another busybox" },
    );
  }

  makeDirectory(into, 0o755);
  for (const { path, mode } of minimal ? MINIMAL_DIRECTORIES : DIRECTORIES) {
    makeDirectory(`${into}/${path}`, mode);
  }
  writeNew(`${into}/bin/busybox`, busybox, 0o755);
  for (const name of new Set(minimal ? SEED_APPLETS : options.applets)) {
    if (name === "busybox") continue;
    // Relative links work on the host and inside the container.
    Deno.symlinkSync("busybox", `${into}/bin/${name}`);
  }
  if (minimal) return;
  const encoder = new TextEncoder();
  for (const { path, mode, text } of FILES) {
    writeNew(`${into}/${path}`, encoder.encode(text), mode);
  }
}

/** Creates a directory with exactly this mode, regardless of the umask. */
export function makeDirectory(path: string, mode: number): void {
  Deno.mkdirSync(path);
  Deno.chmodSync(path, mode);
}

/** Writes a new file with exactly this mode. It must not exist. */
export function writeNew(path: string, data: Uint8Array, mode: number): void {
  // Other users must not read it before it has its final mode.
  Deno.writeFileSync(path, data, { createNew: true, mode: 0o600 });
  Deno.chmodSync(path, mode);
}
