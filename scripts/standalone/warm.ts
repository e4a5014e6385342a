/**
 * The main module of a program that is compiled only for the build. It runs
 * command lines of its role, as people and engines type them. Then it writes
 * the code that V8 has compiled for it, with the names of the modules it used,
 * to a file of the role, in the directory that {@linkcode DIRECTORY_NAME}
 * names.
 *
 * @module
 */
import { syscall } from "../../ffi/libc.ts";
import { CLONE } from "../../ffi/sched.ts";
import {
  load,
  type Part,
  PARTS,
  type Role,
  role,
  scripts,
  type TextName,
  usedModules,
} from "./load.ts";
import {
  DIRECTORY_NAME,
  IMAGE_NAME,
  type Report,
  reportFile,
} from "./report.ts";

type Words = readonly string[];

const before = (words: Words, command: string) =>
  words.slice(0, words.indexOf(command));

/** Inserts words behind a command. */
const withFlags = (words: Words, command: string, flags: Words) =>
  words.flatMap((word) => word === command ? [word, ...flags] : word);

/** Command lines of the same role, made of the given one. */
type Lines = Partial<Record<Role, (words: Words) => Words[]>>;

const DIRECTORY = Deno.env.get(DIRECTORY_NAME)!;

/** A container that stays until the last role has looked at it. */
const NAME = "warm-up";
const ELSEWHERE = ["--root", `${DIRECTORY}/containers`];

/** An image in a registry of the build, and the store that gets it. */
const IMAGE = Deno.env.get(IMAGE_NAME)!;
const STORE = ["--store", `${DIRECTORY}/store`];
const NO_NETWORK = ["--network", "none"];

/**
 * `run` of the image, which has no files: they are those of the given root. By
 * default a container of an image is in the network of the host's bridge, which
 * the build must not make.
 */
const runImage = (words: Words, flags: Words, network: Words = NO_NETWORK) => {
  const root = words[words.indexOf("--rootfs") + 1]!;
  const mounts = ["bin", "lib", "lib64", "usr"]
    .filter((name) => isDirectory(`${root}/${name}`))
    .flatMap((name) => ["-v", `${root}/${name}:/${name}:ro`]);
  return [...STORE, "run", ...network, ...flags, ...mounts, IMAGE, "true"];
};

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** What each start of the role should find compiled. */
const USUAL: Lines = {
  run: (words) =>
    [["-e", "A=b"], ["-v", "/:/mnt"], ["--no-init"]].map((flags) =>
      withFlags(words, "run", flags)
    ),
  program: () => [[...ELSEWHERE, "ps", "--all"]],
  images: () => [[...STORE, "images"]],
  /** The removal of the container. */
  exec: (words) => [[
    ...before(words, "exec"),
    "delete",
    "--force",
    words.at(-2)!,
  ]],
};

/** What has texts of its own, because most starts do not need it. */
const PART_LINES: Readonly<Record<Part, Lines>> = {
  image: {
    run: (words) => [runImage(words, []), runImage(words, ["--rm"])],
  },
  fetch: {
    run: (words) => [runImage(words, ["--pull", "always"])],
    images: () => [[...STORE, "pull", IMAGE], [...STORE, "pull", IMAGE]],
  },
  rare: {
    run: (words) => [
      ...[["-m", "64m"], ["-t"]].map((flags) => withFlags(words, "run", flags)),
      ...[["--rm"], ["-d"]].map((flags) => [
        ...ELSEWHERE,
        ...withFlags(words, "run", ["--name", NAME, ...flags]),
      ]),
      [
        ...ELSEWHERE,
        ...runImage(words, ["--name", `${NAME}-image`, "--rm", "-d"]),
      ],
    ],
    program: () =>
      [["inspect"], ["logs"], ["stop"], ["rm"]].map((command) => [
        ...ELSEWHERE,
        ...command,
        NAME,
      ]),
    images: () =>
      [["tag", IMAGE, NAME], ["rmi", NAME], ["image", "inspect", IMAGE]].map(
        (command) => [...STORE, ...command],
      ),
  },
  network: {
    run: (words) => [
      [...STORE, ...withFlags(words, "run", ["--network", "bridge"])],
      runImage(words, ["--rm"], []),
    ],
  },
};

/**
 * Bridges and firewalls of this thread belong to a network namespace of the
 * build from here on, unshare(2). A user, who may not do that, joins no network.
 */
function leaveHostNetwork(): void {
  if (Deno.uid() === 0) syscall("unshare", CLONE.CLONE_NEWNET);
}

const program = load();
const status = await program.main(Deno.args);
const more = async (lines: Lines) => {
  for (const words of lines[role]?.(Deno.args) ?? []) await program.main(words);
};
await more(USUAL);
const known = new Set<string>();
const newModules = () => {
  const found = usedModules().filter((module) => !known.has(module));
  found.forEach((module) => known.add(module));
  return found;
};
const report = [[role as TextName, newModules()] as const];
for (const part of PARTS[role]) {
  if (part === "network") leaveHostNetwork();
  await more(PART_LINES[part]);
  report.push([`${part}-${role}`, newModules()]);
}
await Deno.writeTextFile(
  `${DIRECTORY}/${reportFile(role)}`,
  JSON.stringify(report.map(([name, modules]): Report => ({
    name,
    modules,
    code: scripts.get(name)?.createCachedData().toString("base64") ?? null,
  }))),
);
// Start another process of the program, which has another role.
if (role === "create") {
  const args = [...before(Deno.args, role), "exec", Deno.args.at(-1)!];
  await new Deno.Command(Deno.execPath(), {
    args: [...args, "/bin/true"],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
}
program.exit(status);
