/**
 * Maps user and group ids, user_namespaces(7). Runs on the host, in the parent.
 */

import type { StepOf } from "../../plan/step.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import type { IdMapping } from "../../spec/types.ts";

const lines = (maps: readonly IdMapping[]) =>
  maps.map((map) => `${map.containerID} ${map.hostID} ${map.size}\n`).join("");

/** The mappings of a user namespace, and who writes them. */
export type IdMaps = Pick<
  StepOf<"mapIds">,
  "uids" | "gids" | "helper" | "denySetgroups"
>;

/**
 * Carries out a mapIds step for a process that waits for it.
 *
 * @throws ContainerError if the ids cannot be mapped
 */
export function mapIds(pid: number, step: IdMaps): void {
  try {
    if (step.denySetgroups) {
      Deno.writeTextFileSync(`/proc/${pid}/setgroups`, "deny");
    }
    if (step.helper) {
      runHelper("newgidmap", pid, step.gids);
      runHelper("newuidmap", pid, step.uids);
    } else {
      // A single write each: the kernel takes a map completely or not at all.
      Deno.writeTextFileSync(`/proc/${pid}/gid_map`, lines(step.gids));
      Deno.writeTextFileSync(`/proc/${pid}/uid_map`, lines(step.uids));
    }
  } catch (error) {
    if (error instanceof ContainerError) throw error;
    if (isRefused(error) && mapsRoot(step)) {
      throw new ContainerError(
        "Cannot map user IDs: operation not permitted (EPERM)",
        {
          hint:
            "Mapping the host's root requires CAP_SETFCAP. Run as root (sudo).",
          cause: error,
        },
      );
    }
    const reason = systemReason(error);
    throw new ContainerError(`Cannot map user IDs: ${reason}`, {
      hint:
        "Map only your own ID (--userns), or IDs that /etc/subuid and /etc/subgid give you (--userns auto). See container doctor.",
      cause: error,
    });
  }
}

const isRefused = (error: unknown) =>
  error instanceof Deno.errors.PermissionDenied ||
  error instanceof Deno.errors.NotCapable ||
  (error instanceof Error && /os error 1\b/.test(error.message));

const mapsRoot = ({ uids, gids }: IdMaps) =>
  [...uids, ...gids].some(({ hostID }) => hostID === 0);

function runHelper(
  program: "newuidmap" | "newgidmap",
  pid: number,
  maps: readonly IdMapping[],
): void {
  const args = maps.flatMap((map) => [
    String(map.containerID),
    String(map.hostID),
    String(map.size),
  ]);
  const { success, stderr } = new Deno.Command(program, {
    args: [String(pid), ...args],
    stdin: "null",
    stdout: "null",
  }).outputSync();
  if (success) return;
  throw new ContainerError(
    `Cannot map user IDs: ${new TextDecoder().decode(stderr).trim()}`,
    {
      hint:
        "See /etc/subuid and /etc/subgid, newuidmap(1), and container doctor.",
    },
  );
}
