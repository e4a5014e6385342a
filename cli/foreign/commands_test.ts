/** Every command of docker, podman and runc, and their flags, get an answer. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import { COMMANDS, dispatch } from "../commands.ts";
import { adviceFor, commandFor } from "./commands.ts";

// docker --help of 28 with its plugins, podman --help of 5, runc --help of 1.3
const COMMANDS_OF = {
  docker: `ai attach bake build builder buildx checkpoint cloud commit compose
config container context cp create debug desktop diff events exec export
extension history image images import info init inspect kill load login logout
logs manifest mcp model network node offload pass pause plugin port ps pull push
rename restart rm rmi run sandbox save scout search secret service stack start
stats stop swarm system tag top trust unpause update version volume wait`,
  podman: `artifact attach auto-update build commit compose container cp create
diff events exec export farm generate healthcheck help history image images import
info init inspect kill kube load login logout logs machine manifest mount network
pause play pod port ps pull push quadlet rename restart rm rmi run save search
secret start stats stop system tag top unmount umount unpause unshare untag update
version volume wait`,
  "podman container": `cleanup clone exists ls prune restore runlabel`,
  runc: `checkpoint create delete events exec features kill list pause ps
restore resume run spec start state update`,
};

/** Words that dispatch() knows itself. */
const OWN = ["help", "version", "container"];

for (const [program, text] of Object.entries(COMMANDS_OF)) {
  Deno.test(`every command of ${program} is known, or has an answer`, () => {
    const silent = text.split(/\s+/).filter((word) =>
      !COMMANDS.some(({ name }) => name === word) && !OWN.includes(word) &&
      !commandFor(word) && !adviceFor(word)
    );
    assertEquals(silent, []);
  });
}

Deno.test("a command has no answer of another program", () => {
  const both = COMMANDS.filter(({ name }) =>
    adviceFor(name) || commandFor(name)
  );
  assertEquals(both, []);
});

/** Flags of docker's and podman's commands, and a part of the answer. */
const FLAGS: readonly [line: string, answer: RegExp][] = [
  ["start -ai web", /Use container attach after it/],
  ["stop --all", /Use container stop "\$\(container ps -q\)"/],
  ["rm -a", /Use container rm "\$\(container ps -q\)"/],
  ["restart --latest", /Use the name of the container/],
  ["rm --cidfile x", /\$\(cat FILE\)/],
  ["exec --privileged web sh", /Use --cap/],
  ["exec --env-file x web sh", /Use --env/],
  ["ps --size", /use du\(1\)/],
  ["ps --watch 1", /Use watch\(1\)/],
  ["inspect --type container web", /Only containers can be inspected/],
  ["update --cpus 2 web", /Use --cpu-quota and --cpu-period/],
  ["create --name web -it busybox", /run --detach creates and starts/],
  ["create -p 80:80 busybox", /run --detach creates and starts/],
  ["wait --condition stopped web", /Remove the flag/],
  ["--rm run sh", /flag of run: container run --rm …/],
  ["-m 5m run sh", /flag of run: container run -m …/],
  ["-H unix:///x ps", /There is no daemon/],
  ["--log-level debug ps", /Use --debug/],
];

for (const [line, answer] of FLAGS) {
  Deno.test(`container ${line} says what there is instead`, async () => {
    const { message, hint } = await assertRejects(
      () => dispatch(line.split(" ")),
      UsageError,
    );
    assertMatch(message, /^Unknown flag -/);
    assertMatch(hint ?? "", answer);
  });
}
