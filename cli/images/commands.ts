/** The rows of the table for the commands of images. */

import type { Entry } from "../command.ts";

/** The commands for images and registries. */
export const IMAGE_COMMANDS: readonly Entry[] = [
  {
    name: "pull",
    summary: "Fetch an image from a registry, an archive or a directory",
    load: async () => (await import("./pull.ts")).pullCommand,
  },
  {
    name: "push",
    summary: "Put an image into a registry, an archive or a directory",
    load: async () => (await import("./push.ts")).pushCommand,
  },
  {
    name: "load",
    summary: "Load images from an archive or a directory",
    load: async () => (await import("./load.ts")).loadCommand,
  },
  {
    name: "save",
    summary: "Write images into an archive or a directory",
    load: async () => (await import("./save.ts")).saveCommand,
  },
  {
    name: "images",
    summary: "List the images of this machine",
    load: async () => (await import("./images.ts")).imagesCommand,
  },
  {
    name: "rmi",
    summary: "Remove images, or names of images",
    load: async () => (await import("./rmi.ts")).rmiCommand,
  },
  {
    name: "tag",
    summary: "Give an image a further name",
    load: async () => (await import("./rmi.ts")).tagCommand,
  },
  {
    name: "history",
    summary: "List the steps that made an image",
    load: async () => (await import("./inspect.ts")).historyCommand,
  },
  {
    name: "commit",
    summary: "Make an image of a container's changes",
    load: async () => (await import("./containers/commit.ts")).commitCommand,
  },
  {
    name: "diff",
    summary: "List the files that a container has changed in its image",
    load: async () => (await import("./containers/diff.ts")).diffCommand,
  },
  {
    name: "cp",
    summary: "Copy files between a container and the host",
    load: async () => (await import("./containers/cp.ts")).cpCommand,
  },
  {
    name: "export",
    summary: "Write a container's files as a tar file",
    load: async () => (await import("./containers/export.ts")).exportCommand,
  },
  {
    name: "import",
    summary: "Make an image of a root filesystem in a tar file",
    load: async () => (await import("./import.ts")).importCommand,
  },
  {
    name: "login",
    summary: "Keep credentials for a registry",
    load: async () => (await import("./login.ts")).loginCommand,
  },
  {
    name: "logout",
    summary: "Forget the credentials for a registry",
    load: async () => (await import("./login.ts")).logoutCommand,
  },
  {
    name: "image",
    summary: "List, inspect, prune and change images",
    load: async () => (await import("./groups.ts")).imageCommand,
  },
  {
    name: "unshare",
    summary: "Run a command in the user namespace of your images",
    load: async () => (await import("./unshare.ts")).unshareCommand,
  },
  {
    name: "fetch",
    summary: "Get the image of run ready; called by run",
    hidden: true,
    load: async () => (await import("./fetch.ts")).fetchCommand,
  },
  {
    name: "volume",
    summary: "Create, list, inspect and remove volumes",
    load: async () => (await import("../volumes/volume.ts")).volumeCommand,
  },
  {
    name: "system",
    summary: "Show the space that is used, and remove what nobody uses",
    load: async () => (await import("./groups.ts")).systemCommand,
  },
];
