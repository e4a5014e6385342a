/** The performance targets of images, as data. Pure. */
import type { Target } from "../targets.ts";

const ratio = (
  name: string,
  numerator: string,
  denominator: string,
  atMost: number,
): Target => ({
  kind: "ratio",
  name,
  numerator: `image-${numerator}`,
  denominator: `image-${denominator}`,
  atMost,
});

const difference = (
  name: string,
  minuend: string,
  subtrahend: string,
  atMost: number,
): Target => ({
  kind: "difference",
  name,
  minuend: `image-${minuend}`,
  subtrahend: `image-${subtrahend}`,
  atMost,
});

/** All targets of images. */
export const imageTargets: readonly Target[] = [
  ratio("pull, compared with podman", "pull", "pull-podman", 0.45),
  ratio("pull, compared with curl | tar -xz", "pull", "pull-tar", 1.1),
  {
    kind: "memory",
    name: "pull, memory in MiB",
    candidate: "image-pull",
    atMost: 180,
  },
  ratio(
    "pull of an image that is here, compared with podman",
    "present",
    "present-podman",
    0.2,
  ),
  difference(
    "run of an image, what it adds to a directory, in milliseconds",
    "run",
    "run-directory",
    10,
  ),
  ratio("run of an image, compared with podman", "run", "run-podman", 0.4),
  difference(
    "run with 60 layers, what they add to one, in milliseconds",
    "run-60",
    "run-1",
    3,
  ),
  ratio("commit, compared with podman", "commit", "commit-podman", 1),
  ratio("save, compared with podman", "save", "save-podman", 1),
  ratio("images, 1000 compared with 10", "images-1000", "images-10", 1.5),
  ratio("rmi, 1000 compared with 10", "rmi-1000", "rmi-10", 1.5),
  ratio(
    "disk, compared with the blobs and 1.02 of podman's layers",
    "disk",
    "disk-allowed",
    1,
  ),
];
