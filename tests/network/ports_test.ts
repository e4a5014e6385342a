/** Published ports: from other hosts, this host, loopback and other containers. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { execute, test as hostTest, until, without } from "../_harness.ts";
import { NetworkBox } from "./_network_box.ts";

const test = (name: string, fn: () => Promise<void>) =>
  hostTest(name, fn, {
    skip: ["ip", "nft", "curl", "python3"].map(without).find(Boolean),
  });

/** A server that answers with the address of its client, by TCP and UDP. */
const SERVER = `
import socket, sys, threading
def datagrams(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", port))
    while True:
        data, peer = s.recvfrom(70000); s.sendto(peer[0].encode(), peer)
def stream(c, peer):
    data = b""
    while True:
        more = c.recv(65536)
        if not more: break
        data += more
        if data.startswith(b"GET "): break
    body = peer[0].encode()
    if data.startswith(b"GET "): body = b"HTTP/1.0 200 OK\\r\\n\\r\\n" + body
    else: body += b" %d" % len(data)
    c.sendall(body); c.close()
def streams(port):
    s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(("", port)); s.listen(99)
    while True: threading.Thread(target=stream, args=s.accept()).start()
for port in sys.argv[1:]:
    threading.Thread(target=datagrams, args=(int(port),)).start()
    threading.Thread(target=streams, args=(int(port),)).start()
print("ready", flush=True)
`;

/** Sends a datagram and prints the answer and where it came from. */
const ASK = `
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5); s.sendto(b"hello", (host, port)); data, peer = s.recvfrom(99)
print(data.decode(), peer[0], end="")
`;

/** Reads to the end, and prints the last line. */
const READ = `
import socket
s = socket.create_connection(("127.0.0.1", 8081)); data = b""
while True:
    more = s.recv(65536)
    if not more: break
    data += more
print(data.decode().split("\\n")[-2])
`;

class PortBox extends NetworkBox {
  constructor() {
    super();
    Deno.writeTextFileSync(`${this.dir.path}/server.py`, SERVER);
    Deno.writeTextFileSync(`${this.dir.path}/ask.py`, ASK);
  }

  /** Starts a server in a container on some of its ports. */
  async serve(name: string, ports: readonly string[], ...flags: string[]) {
    await this.does(
      ...["run", "-q", "-d", "--name", name, "--rootfs", "/", "--ephemeral"],
      ...["-v", `${this.dir.path}/server.py:/mnt/server.py`, ...flags],
      ...["python3", "/mnt/server.py", ...ports],
    );
    await this.ready(name);
  }

  async ready(name: string): Promise<void> {
    await until(
      `${name} is ready`,
      async () => (await this.does("logs", name)).includes("ready"),
    );
  }

  /** What a server answers by TCP; an empty text without an answer. */
  async get(host: string, port: number | string, prefix: string[] = []) {
    const { stdout } = await execute([
      ...prefix,
      ...["curl", "-s", "-m", "5", `http://${host}:${port}/`],
    ]);
    return stdout;
  }

  /** The same by UDP, and the address of the answer. */
  async ask(host: string, port: number | string, prefix: string[] = []) {
    const { stdout } = await execute([
      ...prefix,
      ...["python3", `${this.dir.path}/ask.py`, host, String(port)],
    ]);
    return stdout;
  }

  /** The elements of the firewall's maps of ports. */
  async elements(): Promise<string[]> {
    const { stdout } = await execute([
      "nft",
      "list",
      "table",
      "ip",
      "container",
    ]);
    return stdout.match(/(?:[\d.]+ \. )?(?:tcp|udp) \. \d+ : [\d.]+ \. \d+/g) ??
      [];
  }

  /** The relays of ports that live. */
  async relays(): Promise<string[]> {
    const { stdout } = await execute(["ps", "-eo", "pid,args"]);
    return stdout.split("\n").filter((line) =>
      line.includes("container-ports ")
    ).map((line) => line.trim().split(" ")[0]!);
  }

  /** Nothing of any port is left. */
  async nothingLeft(): Promise<void> {
    assertEquals(await this.elements(), []);
    assertEquals(await this.relays(), []);
    const records = [
      ...Deno.readDirSync(`${this.dir.path}/store/networks/ports`),
    ];
    assertEquals(records, []);
  }
}

test("a published port is reached from everywhere, and shows the client where it can", async () => {
  await using box = new PortBox();
  await using outside = await box.neighbour("192.0.2");
  await box.serve(
    ...["web", ["80", "53"]] as const,
    ...["-p", "8080:80", "-p", "5353:53/udp", "-p", "127.0.0.1:9000:80"],
    ...["-p", "192.0.2.1:9001:80", "-p", "[::1]::80"],
  );
  const from = outside.namespace.words();
  // Other hosts, and this one by a routed address: by the firewall.
  assertEquals(await box.get("192.0.2.1", 8080, from), "192.0.2.2");
  assertEquals(await box.ask("192.0.2.1", 5353, from), "192.0.2.2 192.0.2.1");
  assertEquals(await box.get("192.0.2.1", 9001, from), "192.0.2.2");
  assertEquals(await box.get("192.0.2.1", 9000, from), "");
  assertEquals(await box.get("192.0.2.1", 8080), "192.0.2.1");
  assertEquals(await box.get("172.17.0.1", 9001), "");
  // Loopback: by the relay, which has the gateway's address.
  const gateway = "172.17.0.1";
  for (const host of ["127.0.0.1", "127.9.9.9", "[::1]"]) {
    assertEquals(await box.get(host, 8080), gateway);
  }
  assertEquals(await box.get("127.0.0.1", 9000), gateway);
  for (const host of ["127.0.0.1", "127.9.9.9", "::1"]) {
    assertEquals(await box.ask(host, 5353), `${gateway} ${host}`);
  }
  const shown = await box.does("port", "web", "80");
  const [, free] = /\[::1\]:(\d+)/.exec(shown)!;
  assertEquals(await box.get("[::1]", free!), gateway);
  assertEquals(await box.get("127.0.0.1", free!), "");
  // Containers: itself, one of its network, and one of another.
  await box.does("network", "create", "blue");
  for (const flags of [["exec", "web"], ["bridge"], ["blue"]]) {
    const words = flags.length > 1 ? flags : [
      ...["run", "-q", "--rootfs", "/", "--network", flags[0]!],
    ];
    for (const host of ["192.0.2.1", gateway]) {
      const prefix = box.words(...words);
      assertEquals(await box.get(host, 8080, prefix), gateway, flags[0]);
    }
  }
  // The container's own address stays closed to others.
  await outside.namespace.does(
    ...["ip", "route", "add", "172.16.0.0/12", "via", "192.0.2.1"],
  );
  assertEquals(await box.get("172.17.0.2", 80, from), "");
  const { stdout } = await execute([
    ...["sh", "-c", "cat /proc/sys/net/ipv4/conf/*/route_localnet | sort -u"],
  ]);
  assertEquals(stdout, "0\n");
});

test("a port is reserved while its container lives, and free afterwards", async () => {
  await using box = new PortBox();
  await using outside = await box.neighbour("192.0.2");
  const from = outside.namespace.words();
  await box.serve("web", ["80"], "-p", "8080:80", "-p", "0.0.0.0::80/udp");
  assertEquals((await box.elements()).length, 2);
  const taken = await box.call("run", "-q", "-p", "8080:1", "true");
  assertEquals(taken.status, 125);
  assertStringIncludes(
    taken.stderr,
    "Cannot publish 0.0.0.0:8080/tcp: port is already allocated: the container web has it",
  );
  // Nothing was made for it.
  assertEquals((await box.leases()).length, 1);
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr as Deno.NetAddr;
  const used = await box.call("run", "-q", "-p", `${port}:1`, "true");
  assertEquals(used.status, 125);
  assertMatch(
    used.stderr,
    /address already in use: \w+ \(PID \d+\) has it/,
  );
  const listen = () =>
    Deno.listen({ hostname: "127.0.0.1", port: 8080 }).close();
  try {
    listen();
    throw new Error("the port is not reserved");
  } catch (error) {
    assert(error instanceof Deno.errors.AddrInUse, String(error));
  }
  await box.does("stop", "-t", "0", "web");
  await box.nothingLeft();
  listen();
  assertEquals(await box.does("port", "web"), "");
  await box.does("start", "web");
  await box.ready("web");
  await until(
    "it answers again",
    async () => await box.get("127.0.0.1", 8080) === "172.17.0.1",
  );
  // Somebody flushes the firewall: the next container in a network mends it.
  await execute(["nft", "delete", "table", "ip", "container"]);
  assertEquals(await box.get("192.0.2.1", 8080, from), "172.17.0.1");
  await box.does("run", "-q", "--network", "bridge", "true");
  assertEquals(await box.get("192.0.2.1", 8080, from), "192.0.2.2");
  await box.does("rm", "-f", "web");
  await box.nothingLeft();
});

test("a policy starts a container again with its ports, and a killed keeper's are withdrawn", async () => {
  await using box = new PortBox();
  await box.serve("web", ["80"], "-p", "8080:80", "--restart", "always");
  const pidOf = async () =>
    JSON.parse(await box.does("inspect", "web"))[0].State.Pid as number;
  const first = await pidOf();
  Deno.kill(first, "SIGKILL");
  await until(
    "another process",
    async () => ![0, first].includes(await pidOf()),
  );
  await until(
    "it answers again",
    async () => await box.get("127.0.0.1", 8080) === "172.17.0.1",
  );
  assertEquals((await box.elements()).length, 1);
  assertEquals((await box.relays()).length, 1);
  // Everything of it is killed at once.
  const [shown] = JSON.parse(await box.does("inspect", "web"));
  for (
    const pid of [shown.KeeperPid, shown.State.Pid, ...await box.relays()]
  ) Deno.kill(Number(pid), "SIGKILL");
  await box.does("rm", "-f", "web");
  await box.nothingLeft();
});

test("the relay carries much, half-closed, to the end of the container", async () => {
  await using box = new PortBox();
  await box.serve("web", ["80"], "-p", "8080:80");
  // The server answers when it has read everything.
  const size = 20_000_000;
  const { stdout, stderr } = await execute([
    ...["python3", "-c"],
    `import socket
for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
    s = socket.socket(family); s.connect((host, 8080))
    s.sendall(b"x" * ${size}); s.shutdown(socket.SHUT_WR)
    print(s.recv(99).decode())
quiet = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(2000)]
s = socket.create_connection(("127.0.0.1", 8080))
s.sendall(b"GET /"); print(s.recv(99).decode().split()[-1])`,
  ]);
  assertEquals(
    stdout,
    `172.17.0.1 ${size}\n172.17.0.1 ${size}\n172.17.0.1\n`,
    stderr,
  );
  // The last bytes of a container that ends at once.
  const ending = box.call(
    ...["run", "-q", "-p", "8081:81", "sh", "-c", "seq 100000 | nc -l -p 81"],
  );
  let last = "";
  await until("a listener", async () => {
    ({ stdout: last } = await execute(["python3", "-c", READ]));
    return last !== "";
  });
  assertEquals(last, "100000\n");
  assertEquals((await ending).status, 0);
  const [relay] = await box.relays();
  const status = await Deno.readTextFile(`/proc/${relay}/status`);
  assertMatch(status, /^CapEff:\s+0+$/m);
  assertMatch(status, /^NoNewPrivs:\s+1$/m);
  assertMatch(status, /^Seccomp:\s+2$/m);
});

test("ranges, free ports and exposed ones are chosen, shown and explained", async () => {
  await using box = new PortBox();
  await box.serve(
    ...["web", ["80", "81"]] as const,
    ...["-p", "8000-8001:80-81", "-p", "9000-9010:80", "--expose", "7000/udp"],
    "--expose=443",
  );
  await box.serve(
    "two",
    ["80"],
    "-p",
    "9000-9010:80",
    "-P",
    "--expose",
    "80-81",
  );
  const all = await box.does("port", "web");
  assertEquals(
    all.split("\n").filter((line) => line.includes("0.0.0.0")),
    [
      ...["80/tcp -> 0.0.0.0:8000", "81/tcp -> 0.0.0.0:8001"],
      "80/tcp -> 0.0.0.0:9000",
    ],
  );
  assertStringIncludes(
    await box.does("ps"),
    "0.0.0.0:8000-8001->80-81/tcp, 0.0.0.0:9000->80/tcp, [::]:8000-8001->80-81/tcp, [::]:9000->80/tcp, 7000/udp, 443/tcp",
  );
  const two = await box.does("port", "two");
  assertStringIncludes(two, "80/tcp -> 0.0.0.0:9001\n");
  const [, free] = /81\/tcp -> 0\.0\.0\.0:(\d+)/.exec(two)!;
  assert(Number(free) >= 32768, free);
  const [shown] = JSON.parse(await box.does("inspect", "web"));
  assertEquals(shown.NetworkSettings.Ports["81/tcp"], [
    { HostIp: "0.0.0.0", HostPort: "8001" },
    { HostIp: "::", HostPort: "8001" },
  ]);
  assertEquals(shown.NetworkSettings.Ports["443/tcp"], null);
  assertEquals(shown.HostConfig.PortBindings["81/tcp"], [
    { HostIp: "", HostPort: "8001" },
  ]);
  assertEquals(
    JSON.parse(await box.does("port", "--format", "json", "web"))["81/tcp"],
    shown.NetworkSettings.Ports["81/tcp"],
  );
  const missing = await box.call("port", "web", "82");
  assertEquals(missing.status, 1);
  assertStringIncludes(
    missing.stderr,
    "No public port '82/tcp' published for web",
  );
  const steps = await box.does(
    ...["explain", "--all", "run", "--rootfs", "/", "-p", "127.0.0.1:8080:80"],
    "true",
  );
  for (
    const text of [
      "bind 127.0.0.1:8080 for 80/tcp in a process of its own",
      "add the ports to the maps",
      "serve 127.0.0.1 and IPv6",
      "remove the ports from the firewall",
    ]
  ) assertStringIncludes(steps.replaceAll(/\s+/g, " "), text);
  // Words that mean nothing, and a host whose ports are the container's.
  for (
    const [word, reason] of [
      ["80:x", "invalid containerPort: x"],
      ["1-2:3-5", "invalid ranges specified for container and host Ports"],
      ["80/icmp", "invalid proto: icmp"],
      ["192.0.2.77:80:80", "cannot assign requested address"],
    ] as const
  ) {
    const { status, stderr } = await box.call("run", "-q", "-p", word, "true");
    assertEquals(status, 125, word);
    assertStringIncludes(stderr, reason);
  }
  const host = await box.call(
    ...["run", "--network", "host", "-p", "8080:80", "true"],
  );
  assertEquals(host.status, 0, host.stderr);
  assertStringIncludes(host.stderr, "the ports are not published");
});
