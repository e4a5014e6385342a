/** gnu/libc-version.h: the glibc of this process. */

import { lazily } from "./libc.ts";
import { textAt } from "./memory.ts";

const load = lazily(
  {
    /** const char *gnu_get_libc_version(void) */
    gnu_get_libc_version: { parameters: [], result: "pointer" },
  } as const,
);

/** The version of glibc: "2.36". */
export function libcVersion(): string {
  return textAt(load().gnu_get_libc_version());
}
