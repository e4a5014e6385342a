/**
 * What a container and a sandbox of the library have in common: what is to be
 * started, and why it was not. Runs on the host, in the program's process.
 */

import { O, open } from "../../ffi/fcntl.ts";
import type { Container } from "../../launch/container.ts";
import { checkStarted, outside } from "../../launch/diagnose.ts";
import type { HostPhase } from "../../launch/host/host_phase.ts";
import type { Plan } from "../../plan/step.ts";
import type { Requester } from "../decide/requester.ts";
import {
  type LibraryOptions,
  needsStore,
  withCommand,
} from "./library_options.ts";
import { findRootFilesystem } from "./root_filesystem.ts";
import { viewOnHost } from "./run.ts";

/** The options with their root filesystem, fetched if it is an image. */
export async function wantedBy(
  options: LibraryOptions,
  requester: Requester,
) {
  const rootfs = () =>
    findRootFilesystem(options.rootfs, requester, { say: () => {} });
  return needsStore(options)
    ? await (await import("./library_image.ts"))
      .wantedOf(options, requester, { rootfs })
    : { options: withCommand(options), rootfs: await rootfs() };
}

/**
 * Checks, after the end of the first process, that each step has succeeded.
 *
 * @param root the root filesystem's path, where to find out why not
 * @throws {ContainerError} if a step has failed
 */
export async function checkSteps(
  { walk }: Container,
  { root, plan, host }: { root: string; plan: Plan; host: HostPhase },
): Promise<void> {
  if (!walk.outcome().failure) return;
  using held = new DisposableStack();
  const seen = await viewOnHost(root, plan, host, held);
  checkStarted(
    walk,
    typeof seen === "string"
      ? outside(held.use(open(seen, O.O_PATH)), held)
      : seen,
  );
}
