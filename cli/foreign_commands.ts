/**
 * Commands of docker, podman and runc that have another name here or do not
 * exist. Loaded only for a word that is no command. Pure.
 */

const NO_IMAGES =
  "Images are not supported yet. Use run --rootfs with a directory.";
const NO_NETWORKS =
  "Networks are not supported yet. run --network host shares the host's network.";
const NO_VOLUMES =
  "There are no named volumes. Use run --volume with a directory of the host.";
const NO_CLUSTER = "There are no clusters: containers run on this machine.";
const NO_PODS =
  "There are no pods. run --network path:/proc/PID/ns/net joins the network of another container.";

/** The words for a command that exists. */
const ALIASES: Readonly<Record<string, string>> = {
  ls: "ps",
  unpause: "resume",
  info: "doctor",
  remove: "rm",
};

/** For each command of another program, a sentence on what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  "auto-update": NO_IMAGES,
  build: NO_IMAGES,
  buildx: NO_IMAGES,
  builder: NO_IMAGES,
  commit: "run --overlay DIR keeps the changes of a container in DIR/upper.",
  compose: "Start each container with run --detach.",
  config: NO_CLUSTER,
  context: "There is no daemon: commands act on this machine.",
  cp:
    "The files of a container are in its root filesystem on the host; exec with tar copies others.",
  diff: "run --overlay DIR keeps the changes of a container in DIR/upper.",
  export: "The files of a container are in its root filesystem on the host.",
  generate:
    "Start containers at boot with --restart and a systemd unit of your own.",
  healthcheck: "Health checks are not supported. Use exec.",
  history: NO_IMAGES,
  image: NO_IMAGES,
  images: NO_IMAGES,
  import: NO_IMAGES,
  init: "create prepares a container without starting it.",
  kube: NO_PODS,
  load: NO_IMAGES,
  login: NO_IMAGES,
  logout: NO_IMAGES,
  machine: "Containers run on this machine. No virtual machine is needed.",
  manifest: NO_IMAGES,
  mount: "The root filesystem of a container is a directory of the host.",
  network: NO_NETWORKS,
  node: NO_CLUSTER,
  play: NO_PODS,
  plugin: "There are no plugins.",
  pod: NO_PODS,
  pull: NO_IMAGES,
  push: NO_IMAGES,
  rmi: NO_IMAGES,
  save: NO_IMAGES,
  search: NO_IMAGES,
  secret: "Pass a secret with run --file SRC:DST.",
  service: NO_CLUSTER,
  stack: NO_CLUSTER,
  swarm: NO_CLUSTER,
  system:
    "Use doctor to check this machine, and prune to remove ended containers.",
  tag: NO_IMAGES,
  trust: NO_IMAGES,
  umount: "The root filesystem of a container is a directory of the host.",
  unmount: "The root filesystem of a container is a directory of the host.",
  unshare: "run --userns starts a command in a user namespace.",
  untag: NO_IMAGES,
  volume: NO_VOLUMES,
};

/** The command that a word of another program means here, or null. */
export const commandFor = (word: string): string | null =>
  Object.hasOwn(ALIASES, word) ? ALIASES[word]! : null;

/** The advice for a command of another program; null for an unknown word. */
export const adviceFor = (word: string): string | null =>
  Object.hasOwn(INSTEAD, word) ? INSTEAD[word]! : null;
