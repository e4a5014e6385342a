/** gnu/libc-version.h: which glibc this process runs on. */

import { lazily } from "./libc.ts";
import { textAt } from "./memory.ts";

const load = lazily(
  {
    /** const char *gnu_get_libc_version(void) */
    gnu_get_libc_version: { parameters: [], result: "pointer" },
  } as const,
);

/** glibc's own version: "2.36". */
export function libcVersion(): string {
  return textAt(load().gnu_get_libc_version());
}
