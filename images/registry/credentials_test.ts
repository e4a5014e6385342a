/** Credentials in the files of docker and podman. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import {
  findCredentials,
  forgetCredentials,
  keepCredentials,
  keysFor,
  parseCredentials,
} from "./credentials.ts";

class AuthFixture implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "container-test-auth-" });
  readonly file = `${this.directory}/auth.json`;
  constructor(content?: unknown) {
    if (content !== undefined) {
      Deno.writeTextFileSync(this.file, JSON.stringify(content));
    }
  }
  find(registry: string, path = "a/b") {
    return findCredentials(registry, path, { file: this.file });
  }
  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const auth = (text: string) => ({ auth: btoa(text) });

Deno.test("the most specific entry of a repository counts", async () => {
  assertEquals(keysFor("x.org", "a/b"), ["x.org/a/b", "x.org/a", "x.org"]);
  using fixture = new AuthFixture({
    auths: {
      "x.org": auth("all:1"),
      "x.org/a": auth("team:2:3"),
      "https://old.org/v2/": auth("old:4"),
      "https://index.docker.io/v1/": auth("hub:5"),
      "empty.org": {},
    },
  });
  const of = async (registry: string, path?: string) => {
    const found = await fixture.find(registry, path);
    return found && `${found.user} ${found.password}`;
  };
  assertEquals(await of("x.org"), "team 2:3");
  assertEquals(await of("x.org", "c"), "all 1");
  assertEquals(await of("old.org"), "old 4");
  assertEquals(await of("docker.io", "library/alpine"), "hub 5");
  assertEquals(await of("y.org"), null);
  assertEquals(await of("x.org:5000"), null);
  assertEquals(await of("empty.org"), null);
});

Deno.test("login keeps what it does not know, and logout forgets one entry", async () => {
  using fixture = new AuthFixture({
    HttpHeaders: { "X-A": "b" },
    auths: { "x.org": auth("a:b") },
  });
  const { file } = fixture;
  await keepCredentials(
    "docker.io",
    { user: "ü", password: "p:ß" },
    { file },
  );
  assertEquals(await fixture.find("docker.io"), { user: "ü", password: "p:ß" });
  assertEquals((await fixture.find("x.org"))?.user, "a");
  assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  assertEquals(await forgetCredentials("docker.io", { file }), true);
  assertEquals(await forgetCredentials("docker.io", { file }), false);
  assertEquals(await fixture.find("docker.io"), null);
  const whole = JSON.parse(await Deno.readTextFile(file));
  assertEquals(Object.keys(whole), ["HttpHeaders", "auths"]);
  assertEquals(Object.keys(whole.auths), ["x.org"]);
});

Deno.test("a helper is asked, and gets what is to be kept", async () => {
  using fixture = new AuthFixture({ credHelpers: { "x.org": "test" } });
  const { directory, file } = fixture;
  await Deno.writeTextFile(
    `${directory}/docker-credential-test`,
    `#!/bin/sh
read -r line
echo "$1 $line" >>${directory}/log
case $1.$line in
  get.x.org) echo '{"ServerURL":"x.org","Username":"<token>","Secret":"t"}' ;;
  get.*) echo "credentials not found in native keychain"; exit 1 ;;
esac
`,
    { mode: 0o755 },
  );
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", `${directory}:${path}`);
  try {
    assertEquals(await fixture.find("x.org"), {
      user: "",
      password: "",
      identityToken: "t",
    });
    const { isPlain } = await keepCredentials("x.org", {
      user: "u",
      password: "p",
    }, { file });
    assertEquals(isPlain, false);
    await forgetCredentials("x.org", { file });
    assertEquals(
      (await Deno.readTextFile(`${directory}/log`)).trim().split("\n"),
      [
        "get x.org",
        'store {"ServerURL":"x.org","Username":"u","Secret":"p"}',
        "get x.org",
        "erase x.org",
      ],
    );
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("broken files and missing helpers are reported without secrets", async () => {
  using fixture = new AuthFixture({ credsStore: "no-such-helper" });
  await assertRejects(
    () => fixture.find("x.org"),
    ContainerError,
    "docker-credential-no-such-helper: it is not installed",
  );
  await Deno.writeTextFile(fixture.file, '{"auths": {"x": "secret"');
  const error = await assertRejects(
    () => fixture.find("x.org"),
    ContainerError,
    "it is not a JSON object",
  );
  assertEquals(error.message.includes("secret"), false);
  for (const helper of ["../x", "a b", ""]) {
    await Deno.writeTextFile(
      fixture.file,
      JSON.stringify({ credHelpers: { "x.org": helper } }),
    );
    await assertRejects(() => fixture.find("x.org"), ContainerError);
  }
  await Deno.writeTextFile(
    fixture.file,
    JSON.stringify({ auths: { "x.org": { auth: "!" } } }),
  );
  await assertRejects(
    () => fixture.find("x.org"),
    ContainerError,
    "the entry for x.org is not USER:PASSWORD",
  );
});

Deno.test("--creds needs a name and a password", () => {
  assertEquals(parseCredentials("a:b:c"), { user: "a", password: "b:c" });
  for (const text of ["", "a", ":b"]) {
    assertThrows(() => parseCredentials(text), UsageError);
  }
});
