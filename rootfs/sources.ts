/**
 * The places where busybox can be found: pinned names, addresses and digests.
 * Only data; the download code is in `scripts/`.
 *
 * @module
 */

/** A supported CPU architecture, in the spelling of `Deno.build.arch`. */
export type Arch = typeof Deno.build.arch;

/** A binary that is identified by its digest. */
export interface PinnedBinary {
  readonly name: string;
  readonly url: string;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * The pinned binaries. busybox.net does not publish this version for aarch64,
 * which therefore depends on the other sources.
 */
export const PINNED_BUSYBOX: Readonly<Partial<Record<Arch, PinnedBinary>>> = {
  x86_64: {
    name: "busybox.net 1.35.0",
    url:
      "https://busybox.net/downloads/binaries/1.35.0-x86_64-linux-musl/busybox",
    sha256: "6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348",
  },
};

/** The Debian package with a static busybox, for every architecture. */
export const DEBIAN_PACKAGE = "busybox-static";

/** Paths where distributions install busybox. The first static one is used. */
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

/** No busybox is larger. Limits how much is read from a wrong address. */
export const MAX_BUSYBOX_BYTES = 32 * 1024 * 1024;
