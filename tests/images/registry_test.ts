/** Images from Debian's docker-registry, put there by skopeo, and back. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { container, test, without } from "../_harness.ts";
import { does, ImageBox, SampleImage } from "./_image_store.ts";
import { NO_REGISTRY, PASSWORD, Proxy, Registry, USER } from "./_registry.ts";

const skip = NO_REGISTRY ?? without("umoci");

test("pull fetches what skopeo has put into a registry", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  for (const format of ["oci", "v2s2"] as const) {
    const name = `${registry.host}/team/${format}:1`;
    await sample.put(name, { format });
    const digest = JSON.parse(
      await does([
        "skopeo",
        "inspect",
        "--tls-verify=false",
        `docker://${name}`,
      ]),
    ).Digest;
    assertEquals(
      await box.does("pull", name),
      `Digest: ${digest}\nStatus: Downloaded newer image for ${name}\n${name}\n`,
    );
    assertEquals(
      await box.does("pull", name),
      `Digest: ${digest}\nStatus: Image is up to date for ${name}\n${name}\n`,
    );
    const whole = `${registry.host}/team/${format}@${digest}`;
    assertEquals(await box.does("pull", "-q", whole), `${whole}\n`);
    const [image] = JSON.parse(await box.does("image", "inspect", name));
    assertEquals(image.RepoTags.includes(name), true);
    assertEquals(image.RepoDigests.includes(whole), true);
    assertEquals(image.Config.Labels, { tier: "test" });
    const [lower, upper] = image.GraphDriver.Data.LowerDirs;
    const info = await Deno.stat(`${lower}/bin/large`);
    assertEquals([info.size, (info.mode ?? 0) & 0o7777], [1 << 20, 0o4755]);
    assertEquals((await Deno.stat(`${lower}/etc/file`)).uid, 12);
    assertEquals(await Deno.readTextFile(`${upper}/etc/file`), "second\n");
    assertEquals(await Deno.readLink(`${upper}/etc/link`), "file");
    const gone = await Deno.lstat(`${upper}/etc/deep`);
    assertEquals([gone.isCharDevice, gone.rdev], [true, 0]);
  }
  // Both have the same layers, and the same configuration.
  assertEquals(box.left(), [5, 2, 0]);
}, { skip });

test("pull --all-tags fetches each tag of a repository", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/team/app`;
  for (const tag of ["1", "2", "x"]) await sample.put(`${name}:${tag}`);
  const names = ["1", "2", "x"].map((tag) => `${name}:${tag}\n`);
  assertEquals(await box.does("pull", "-qa", name), names.join(""));
  assertMatch(
    await box.fails("pull", "--all-tags", `${name}:1`),
    /it names one\. Give the name of the repository only\.$/,
  );
}, { skip });

test("other tools read the store", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/team/app:1`;
  await sample.put(name);
  await box.does("pull", name);
  const { path } = box.dir;
  await does([
    ...["skopeo", "copy", "--quiet", `oci:${box.store}:${name}`],
    `oci:${path}/copy:v1`,
  ]);
  assertStringIncludes(
    await does(["umoci", "ls", "--layout", box.store]),
    name,
  );
  await does([
    ...["umoci", "unpack", "--image", `${box.store}:${name}`],
    `${path}/bundle`,
  ]);
  assertEquals(
    await Deno.readTextFile(`${path}/bundle/rootfs/etc/file`),
    "second\n",
  );
  // umoci and skopeo write into the store as well.
  await does([
    ...["skopeo", "copy", "--quiet", `oci:${sample.layout}:v1`],
    `oci:${box.store}:localhost/theirs:1`,
  ]);
  assertMatch(await box.does("images"), /^localhost\/theirs +1 /m);
  await box.does("rmi", name);
  await box.does("image", "inspect", "localhost/theirs:1");
}, { skip });

test(
  "push sends what is not there, and mounts what another repository has",
  async () => {
    await using registry = await Registry.start();
    await using proxy = new Proxy(registry.host);
    // Larger than one request.
    await using sample = await SampleImage.make(20);
    await using box = new ImageBox();
    await sample.put(`${registry.host}/a/app:1`);
    await box.does("pull", `${proxy.host}/a/app:1`);
    await box.does("tag", `${proxy.host}/a/app:1`, `${proxy.host}/b/app:2`);
    const uploads = () =>
      proxy.seen.filter((line) => /^(PATCH|PUT .*uploads)/.test(line)).length;
    assertMatch(
      await box.does("push", `${proxy.host}/b/app:2`),
      /^2: digest: sha256:[0-9a-f]{64} size: \d+\n$/,
    );
    assertEquals(uploads(), 0);
    await box.does("push", "-q", `${proxy.host}/b/app:2`);
    await using other = await Registry.start();
    const place = `${other.host}/c/app:3`;
    assertEquals(
      await box.does("push", "-q", `${proxy.host}/b/app:2`, place),
      `${place}\n`,
    );
    const inspected = async (name: string) =>
      JSON.parse(
        await does([
          ...["skopeo", "inspect", "--tls-verify=false", `docker://${name}`],
        ]),
      ).Digest;
    assertEquals(
      await inspected(place),
      await inspected(`${registry.host}/a/app:1`),
    );
    await does([
      ...["skopeo", "copy", "--quiet", "--src-tls-verify=false"],
      ...[`docker://${place}`, `dir:${box.dir.path}/back`],
    ]);
  },
  { skip },
);

test("a registry with TLS needs the certificate of its authority", async () => {
  await using registry = await Registry.start({ tls: true });
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  const name = `${registry.host}/app:1`;
  await sample.put(name);
  assertMatch(
    await box.fails("pull", name),
    /its certificate is not signed by a known authority\. Put the authority's certificate into/,
  );
  // An insecure registry is used with a certificate that is not valid.
  await box.does("pull", "-q", "--tls-verify=false", name);
  const insecure = (host: string) =>
    box.settings(
      "registries.conf",
      `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
    );
  insecure(registry.host);
  await box.does("push", "-q", name, `${registry.host}/app:2`);
  await box.does("rmi", name);
  await box.does("pull", "-q", `${registry.host}/app:2`);
  // That is true for no other registry.
  insecure("127.0.0.1:1");
  assertMatch(
    await box.fails("pull", name),
    /its certificate is not signed by a known authority/,
  );
  insecure("127.0.0.1:1");
  await box.does("rmi", `${registry.host}/app:2`);
  await box.does("pull", "-q", "--cert-dir", registry.certificates, name);
  await box.does("rmi", name);
  const directory = `${box.home}/.config/containers/certs.d/${registry.host}`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.copyFile(
    `${registry.certificates}/ca.crt`,
    `${directory}/ca.crt`,
  );
  await box.does("pull", "-q", name);
  await Deno.writeTextFile(`${directory}/x.crt`, "damaged");
  await box.does("pull", "-q", name);
}, { skip: skip ?? without("openssl") });

test(
  "a registry with a password takes that of login, or of --creds",
  async () => {
    await using registry = await Registry.start({ password: true });
    await using sample = await SampleImage.make();
    await using box = new ImageBox();
    const name = `${registry.host}/app:1`;
    const credentials = `${USER}:${PASSWORD}`;
    await sample.put(name, { flags: ["--dest-creds", credentials] });
    assertMatch(
      await box.fails("pull", name),
      /the registry refuses the credentials, or needs some .*Use container login/,
    );
    assertMatch(
      await box.fails("pull", "--creds", "me:wrong", name),
      /the registry refuses the credentials/,
    );
    await box.does("pull", "-q", "--creds", credentials, name);
    await box.does("rmi", name);
    const login = (password: string) =>
      container(
        ["login", "-u", USER, "--password-stdin", registry.host],
        { stdin: `${password}\n`, env: box.env },
      );
    const refused = await login("wrong");
    assertEquals([refused.status, refused.stdout], [125, ""]);
    assertMatch(refused.stderr, /Cannot log in to .*refuses the credentials/);
    const { status, stdout } = await login(PASSWORD);
    assertEquals([status, stdout], [0, "Login Succeeded\n"]);
    const file = `${box.home}/.docker/config.json`;
    assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    assertEquals(
      await box.does("login", "--get-login", registry.host),
      `${USER}\n`,
    );
    await box.does("pull", "-q", name);
    await does([
      ...["skopeo", "inspect", "--tls-verify=false", "--authfile", file],
      `docker://${name}`,
    ]);
    assertEquals(
      await box.does("logout", registry.host),
      `Removed the credentials for ${registry.host}\n`,
    );
    await box.does("rmi", name);
    await box.fails("pull", name);
    assertEquals(
      await box.does("logout", registry.host),
      `Not logged in to ${registry.host}\n`,
    );
  },
  { skip },
);

test("registries.conf and policy.json of the user count", async () => {
  await using registry = await Registry.start();
  await using sample = await SampleImage.make();
  await using box = new ImageBox();
  await sample.put(`${registry.host}/mirror/library/app:1`);
  box.settings(
    "registries.conf",
    `[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "${registry.host}/mirror"
[[registry]]
prefix = "bad.example"
location = "bad.example"
blocked = true
[aliases]
short = "docker.io/library/app"
`,
  );
  assertEquals(
    await box.does("pull", "-q", "short:1"),
    "docker.io/library/app:1\n",
  );
  assertMatch(await box.does("images"), /^app +1 /m);
  assertMatch(
    await box.fails("pull", "bad.example/x:1"),
    /The registry bad\.example is blocked by registries\.conf/,
  );
  box.settings("policy.json", '{"default": [{"type": "reject"}]}');
  assertMatch(await box.fails("pull", "short:1"), /policy\.json rejects it/);
}, { skip });
