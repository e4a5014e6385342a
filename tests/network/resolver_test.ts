/** The resolver: names for programs that only speak DNS. */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { execute, test as hostTest, until, without } from "../_harness.ts";
import { DnsServer } from "./_dns_server.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, { skip: without("dig") ?? without("nft") });

const NAME = "container-resolver";

const pidOf = async () =>
  Number((await execute(["pidof", NAME])).stdout.trim()) || null;

/** Runs words in the network namespace of a container. */
async function inside(box: NetworkBox, name: string, words: readonly string[]) {
  const [{ State }] = JSON.parse(await box.does("inspect", name));
  return await execute(["nsenter", "-t", String(State.Pid), "-n", ...words]);
}

const ASK = ["dig", "@127.0.0.11", "+tries=1", "+time=4", "+noall"];

/** Asks the resolver of a container; returns its code and its answers. */
async function dig(box: NetworkBox, name: string, ...words: string[]) {
  const { stdout } = await inside(box, name, [
    ...ASK,
    "+comments",
    "+answer",
    ...words,
  ]);
  return {
    code: stdout.match(/status: (\w+)/)?.[1],
    answers: [...stdout.matchAll(/\sIN\s(?:A|AAAA|PTR)\s(\S+)/g)].map((
      [, text],
    ) => text),
    text: stdout,
  };
}

test("names, aliases, short IDs and addresses are answered by UDP and TCP", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  await box.does("network", "create", "--ipv6", "red");
  const id = await box.detach("web", "--network-alias", "w");
  await box.detach("second", "--network-alias", "w");
  await box.detach("both", "--network", "blue", "--network", "red");
  await box.detach("apart", "--network", "red");
  const [web, second, both] = ["172.17.0.2", "172.17.0.3", "172.17.0.4"];
  const cases: [words: string[], code: string, answers: string[]][] = [
    [["web"], "NOERROR", [web]],
    [["WEB."], "NOERROR", [web]],
    [["web.blue"], "NOERROR", [web]],
    [[id.slice(0, 12)], "NOERROR", [web]],
    [["w"], "NOERROR", [web, second]],
    [["w", "+tcp"], "NOERROR", [web, second]],
    [["both"], "NOERROR", [both]],
    [["web", "AAAA"], "NOERROR", []],
    [["web", "MX"], "NOERROR", []],
    [["-x", web], "NOERROR", ["web.blue."]],
    [["apart", "+noedns"], "SERVFAIL", []],
    [["web", "CH"], "REFUSED", []],
    [["web", "+opcode=2"], "NOTIMP", []],
  ];
  for (const [words, code, answers] of cases) {
    // The host's servers are not asked: the world of a test has none.
    const got = await dig(box, "second", ...words);
    assertEquals([got.code, got.answers.sort()], [code, answers], got.text);
  }
  assertEquals((await dig(box, "both", "apart")).answers, ["172.18.0.3"]);
  const [six = ""] = (await dig(box, "both", "apart", "AAAA")).answers;
  assertEquals((await dig(box, "both", "-x", six)).answers, ["apart.red."]);
  // Without a tool of the host: busybox's own client, and the files.
  const shown = await box.does(
    ...["exec", "apart", "sh", "-c", "nslookup both; cat /etc/resolv.conf"],
  );
  for (const text of ["172.18.0.2", "nameserver 127.0.0.11", "ndots:0"]) {
    assertStringIncludes(shown, text);
  }
  await box.does("network", "connect", "red", "second");
  assertEquals((await dig(box, "second", "apart")).answers, ["172.18.0.3"]);
  assertEquals((await dig(box, "apart", "second.red")).answers.length, 1);
  assertEquals((await dig(box, "second", "web")).answers, [web]);
  await box.does("network", "disconnect", "red", "second");
  assertEquals((await dig(box, "second", "apart")).code, "SERVFAIL");
  await box.does("rm", "-f", "web");
  await until(
    "the name is gone",
    async () => (await dig(box, "second", "w")).answers.join() === second,
  );
  // A container can have a server of its own at port 53.
  const { status, stderr } = await inside(box, "both", [
    ...["python3", "-c"],
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('', 53)); socket.socket().bind(('', 53))",
  ]);
  assertEquals([status, stderr], [0, ""]);
});

test("outside names are asked for at the servers of --dns, and not from internal networks", async () => {
  await using box = new NetworkBox();
  await using outside = await box.neighbour("192.0.2");
  await using server = await DnsServer.start("192.0.2.2", outside.namespace);
  await using local = await DnsServer.start("127.0.0.53");
  await box.does("network", "create", "--dns", "127.0.0.53", "blue");
  await box.does("network", "create", "--internal", "db");
  const dns = ["--dns", "192.0.2.9", "--dns", "192.0.2.2"];
  await box.detach("web", ...dns);
  await box.detach("loop", "--dns-option", "ndots:1");
  await box.detach("hidden", "--network", "db", ...dns);
  const known = ["198.51.100.7"];
  assertEquals((await dig(box, "loop", "a.example.test")).answers, known);
  assertEquals(local.asked, ["udp a.example.test"]);
  // The first server does not answer.
  assertEquals((await dig(box, "web", "b.example.test")).answers, known);
  assertEquals((await dig(box, "web", "nosuch.test")).code, "NXDOMAIN");
  assertEquals((await dig(box, "web", "-x", "192.0.2.77")).code, "NXDOMAIN");
  const six = await dig(box, "web", "six.example.test", "AAAA");
  assertEquals(six.answers, ["2001:db8::7"]);
  // dig asks again by TCP.
  const many = await dig(box, "loop", "many.example.test");
  assertEquals(many.answers.length, 60);
  assertEquals(local.asked.slice(1), [
    "udp many.example.test",
    "tcp many.example.test",
  ]);
  const before = server.asked.length;
  assertEquals((await dig(box, "hidden", "c.example.test")).code, "SERVFAIL");
  assertEquals(server.asked.length, before);
  assertStringIncludes(
    await box.does("exec", "loop", "cat", "/etc/resolv.conf"),
    "options ndots:1\n",
  );
});

test("a resolver that was killed is started again by the next command, and ends with the last container", async () => {
  await using box = new NetworkBox();
  await box.does("network", "create", "blue");
  await box.detach("web");
  await box.detach("other");
  const first = await pidOf();
  assert(first);
  Deno.kill(first, "SIGKILL");
  assertEquals((await dig(box, "other", "web")).code, undefined);
  await box.does("ps");
  const second = await pidOf();
  assert(second && second !== first);
  assertEquals((await dig(box, "other", "web")).answers, ["172.17.0.2"]);
  const status = await Deno.readTextFile(`/proc/${second}/status`);
  const resident = Number(status.match(/VmRSS:\s+(\d+)/)?.[1]);
  assert(resident < 2000, `${resident} kB`);
  // It can open no file and start no program, and has one capability.
  assertStringIncludes(status, "Seccomp:\t2");
  assertStringIncludes(status, "CapEff:\t0000000000001000");
  await box.does("rm", "-f", "web", "other");
  await until("no resolver", async () => await pidOf() === null);
  const dns = await execute(["ls", `${box.dir.path}/store/networks/dns`]);
  assertEquals(dns.stdout, "containers\nlock\n");
});

test("nobody outside of a container reaches its resolver", async () => {
  await using box = new NetworkBox();
  await using outside = await box.neighbour("192.0.2");
  await box.does("network", "create", "blue");
  await box.detach("web");
  await box.does("run", "-q", "--network", "bridge", "true");
  const { stdout } = await execute(["ss", "-Hulnt"]);
  assertEquals(stdout, "");
  for (const address of ["172.17.0.1", "192.0.2.1", "127.0.0.11"]) {
    const words = ["dig", `@${address}`, "+tries=1", "+time=1", "web"];
    assertEquals((await execute(outside.namespace.words(...words))).status, 9);
  }
});

test("a flood and malformed packets of one container harm no other", async () => {
  await using box = new NetworkBox();
  await using outside = await box.neighbour("192.0.2");
  await using _server = await DnsServer.start("192.0.2.2", outside.namespace);
  await box.does("network", "create", "blue");
  await box.detach("web", "--dns", "192.0.2.2");
  await box.detach("bad", "--dns", "192.0.2.2");
  const [{ State }] = JSON.parse(await box.does("inspect", "bad"));
  const flood = new Deno.Command("nsenter", {
    args: [
      ...["-t", String(State.Pid), "-n", "python3", "-c"],
      `import os, random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.11", 53)); s.setblocking(False)
lost = bytes.fromhex("abcd01000001000000000000") + b"\\x04lost\\x07example\\x04test\\x00\\x00\\x01\\x00\\x01"
streams = []
for i in range(40):
    t = socket.socket(); t.connect(("127.0.0.11", 53)); streams.append(t)
print("ready", flush=True)
random.seed(7)
while True:
    kind = random.randrange(4)
    q = bytearray(lost)
    if kind == 1: q = bytearray(os.urandom(random.randrange(1, 1400)))
    if kind == 2:
        for _ in range(3): q[random.randrange(len(q))] = random.randrange(256)
    if kind == 3: q = q[:random.randrange(len(q))]
    try: s.send(q)
    except OSError: pass`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    const reader = flood.stdout.getReader();
    await reader.read();
    const before = await pidOf();
    for (const words of [["bad"], ["bad", "+tcp"], ["x.example.test"]]) {
      for (let round = 0; round < 5; round++) {
        const { code, text } = await dig(box, "web", ...words);
        assertEquals(code, "NOERROR", text);
      }
    }
    assertEquals(await pidOf(), before);
    await reader.cancel();
  } finally {
    flood.kill("SIGKILL");
    await flood.status;
  }
});

test("the default network has the host's servers, as with docker, and no resolver", async () => {
  await using box = new NetworkBox();
  await box.detach("web", "--network", "bridge", "--dns", "192.0.2.2");
  assertEquals(await pidOf(), null);
  assertStringIncludes(
    await box.does("exec", "web", "cat", "/etc/resolv.conf"),
    "nameserver 192.0.2.2\n",
  );
  const text = await box.does(
    ...["explain", "run", "--about", "network", "--network", "bridge", "sh"],
  );
  assertEquals(text.includes("resolver"), false);
});
