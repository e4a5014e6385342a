/**
 * Commands of docker, podman and runc that have another name here or do not
 * exist. Loaded only for a word that is no command. Pure.
 */

const NO_BUILD =
  "Images cannot be built yet. Build and push with another tool, then pull.";
const NO_CLUSTER = "There are no clusters: containers run on this machine.";
const NO_PODS =
  "There are no pods. run --network path:/proc/PID/ns/net joins the network of another container.";

const PLUGIN = "It is a plugin of docker, and there are no plugins.";

/** The words for a command that exists. */
const ALIASES: Readonly<Record<string, string>> = {
  ls: "ps",
  unpause: "resume",
  info: "doctor",
  remove: "rm",
};

/** For each command of another program, a sentence on what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  ai: PLUGIN,
  artifact: "Fetch artifacts with a tool for them, such as oras.",
  "auto-update": "pull fetches newer images.",
  bake: NO_BUILD,
  bash: "container run bash starts a shell in a container.",
  build: NO_BUILD,
  buildx: NO_BUILD,
  builder: NO_BUILD,
  cleanup: "A container that ends cleans up after itself. rm removes it.",
  clone: "Use run with the flags of the other container; inspect shows them.",
  cloud: PLUGIN,
  compose: "Start each container with run --detach.",
  config: NO_CLUSTER,
  context: "There is no daemon: commands act on this machine.",
  debug: "exec starts a shell in a container that runs.",
  desktop: PLUGIN,
  df: "Use container system df.",
  docker: "Leave out the word docker.",
  exists: "inspect ends with status 0 only if the container exists.",
  extension: PLUGIN,
  farm: NO_CLUSTER,
  generate:
    "Start containers at boot with --restart and a systemd unit of your own.",
  healthcheck: "Health checks are not supported. Use exec.",
  init: "create prepares a container without starting it.",
  kube: NO_PODS,
  machine: "Containers run on this machine. No virtual machine is needed.",
  manifest: "Lists of images are made with other tools, such as skopeo.",
  mcp: PLUGIN,
  model: PLUGIN,
  mount: "The root filesystem of a container is a directory of the host.",
  node: NO_CLUSTER,
  offload: PLUGIN,
  pass: PLUGIN,
  play: NO_PODS,
  plugin: "There are no plugins.",
  pod: NO_PODS,
  podman: "Leave out the word podman.",
  quadlet:
    "Start containers at boot with --restart and a systemd unit of your own.",
  runc: "Leave out the word runc.",
  runlabel: "image inspect shows the labels; give their words to run.",
  sandbox: PLUGIN,
  scout: PLUGIN,
  search: "Search on the page of the registry, then pull.",
  secret: "Pass a secret with run --file SRC:DST.",
  service: NO_CLUSTER,
  sh: "container run sh starts a shell in a container.",
  stack: NO_CLUSTER,
  swarm: NO_CLUSTER,
  trust: "policy.json says which images may be pulled.",
  umount: "The root filesystem of a container is a directory of the host.",
  unmount: "The root filesystem of a container is a directory of the host.",
  untag: "rmi removes a name of an image.",
};

/** The command that a word of another program means here, or null. */
export const commandFor = (word: string): string | null =>
  Object.hasOwn(ALIASES, word) ? ALIASES[word]! : null;

/** The advice for a command of another program; null for an unknown word. */
export const adviceFor = (word: string): string | null =>
  Object.hasOwn(INSTEAD, word) ? INSTEAD[word]! : null;
