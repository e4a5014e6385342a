/**
 * Where a busybox may come from: pinned names, addresses and digests. Data
 * only; the fetching is in `scripts/`.
 *
 * @module
 */

/** A CPU architecture this program supports, as `Deno.build.arch` spells it. */
export type Arch = typeof Deno.build.arch;

/** A binary that is known by its digest. */
export interface PinnedBinary {
  readonly name: string;
  readonly url: string;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * busybox.net publishes no aarch64 binary of this version, so that
 * architecture relies on the sources after this one.
 */
export const PINNED_BUSYBOX: Readonly<Partial<Record<Arch, PinnedBinary>>> = {
  x86_64: {
    name: "busybox.net 1.35.0",
    url:
      "https://busybox.net/downloads/binaries/1.35.0-x86_64-linux-musl/busybox",
    sha256: "6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348",
  },
};

/** The Debian package that carries a static busybox, on every architecture. */
export const DEBIAN_PACKAGE = "busybox-static";

/** Where distributions install a busybox; the first static one is taken. */
export const HOST_BUSYBOX_PATHS: readonly string[] = [
  "/bin/busybox",
  "/usr/bin/busybox",
  "/sbin/busybox",
  "/usr/sbin/busybox",
  "/bin/busybox.static",
  "/usr/bin/busybox.static",
  "/usr/local/bin/busybox",
  "/usr/lib/busybox/busybox-static",
];

/** No busybox is larger; bounds what a wrong address can make us read. */
export const MAX_BUSYBOX_BYTES = 32 * 1024 * 1024;
