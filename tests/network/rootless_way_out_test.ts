/** A user's container with a way out of its own: pasta or slirp4netns. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { execute, test, until, without } from "../_harness.ts";
import { NO_USER_NETWORKS, OUTSIDE, UserNetwork } from "./_user_network.ts";

const skip = NO_USER_NETWORKS ?? without("pasta") ?? without("slirp4netns");

/** Without one of the programs, for the user. */
const hidden = (...programs: string[]) =>
  programs.map((program) =>
    `mount --bind /dev/null $(readlink -f $(command -v ${program}))`
  ).join("; ");

test(
  "a user's container reaches other hosts by pasta or slirp4netns",
  async () => {
    await using user = await UserNetwork.make();
    const script =
      `ip addr show eth0; cat /etc/resolv.conf; wget -qO /tmp/x http://${OUTSIDE}/; head -n1 /tmp/x; wc -c </tmp/x`;
    for (
      const [program, ...texts] of [
        ["pasta", "inet 192.0.2.1/24", "nameserver 169.254.1.1\n"],
        ["slirp4netns", "inet 10.0.2.100/24", "nameserver 10.0.2.3\n"],
      ]
    ) {
      const shown = await user.does(
        ...["run", "-q", "--network", program!, "sh", "-c", script],
      );
      for (const text of [...texts, "mtu 65520", "192.0.2.1\n", "100010\n"]) {
        assertStringIncludes(shown, text);
      }
      await until("it has ended", () => user.processes().length === 0);
    }
  },
  { skip },
);

test(
  "a user's published ports work from other hosts, loopback and IPv6",
  async () => {
    await using user = await UserNetwork.make();
    const serve = "while true; do echo hello | nc -l -p 80; done";
    for (const network of ["pasta", "slirp4netns"]) {
      await user.does(
        ...["run", "-q", "-d", "--name", "web", "--network", network],
        ...["-p", "8080:80", "sh", "-c", serve],
      );
      assertEquals(
        await user.does("port", "web"),
        "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n",
      );
      const client = (address: string) => [
        ...["python3", "-c"],
        "import socket, sys; print(socket.create_connection((sys.argv[1], 8080), 3).recv(9))",
        address,
      ];
      for (
        const words of [
          client("127.0.0.1"),
          client("::1"),
          user.outside.words(...client("192.0.2.1")),
        ]
      ) {
        await until(
          words.join(" "),
          async () => (await execute(words)).stdout === "b'hello\\n'\n",
        );
      }
      await user.does("rm", "-f", "web");
    }
    const { status, stderr } = await user.call(
      ...["run", "-q", "-p", "80:80", "true"],
    );
    assertEquals(status, 125);
    assertMatch(
      stderr,
      /0\.0\.0\.0:80\/tcp: permission denied .*ip_unprivileged_port_start=80/,
    );
  },
  { skip },
);

test("the way out ends with its container, however that ends", async () => {
  await using user = await UserNetwork.make();
  const detach = (name: string, network: string) =>
    user.does(
      ...["run", "-q", "-d", "--name", name, "--network", network],
      ...["sleep", "1000"],
    );
  await detach("one", "pasta");
  await detach("two", "slirp4netns");
  assertEquals(user.processes(), ["pasta", "slirp4netns"]);
  // The host's loopback is not the container's.
  const { status } = await user.call(
    "exec",
    "one",
    "nc",
    "-z",
    "127.0.0.1",
    "80",
  );
  assertEquals(status, 1);
  await user.does("restart", "-t", "0", "one");
  assertEquals(user.processes(), ["pasta", "slirp4netns"]);
  await user.does("rm", "-f", "one");
  await until("pasta has ended", () => user.processes().length === 1);
  // Everything of the container is killed at once; the next command sweeps.
  const [inspected] = JSON.parse(await user.does("inspect", "two"));
  await execute(["sh", "-c", `kill -9 ${inspected.State.Pid}`]);
  await until("slirp4netns has ended", async () => {
    await user.does("ps");
    return user.processes().length === 0;
  });
}, { skip });

test("a way out that cannot be is refused with the cure", async () => {
  await using user = await UserNetwork.make();
  const words = (network: string) =>
    user.words("run", "-q", "--network", network, "true");
  for (
    const [network, script, said] of [
      ["pasta", "chmod 600 /dev/net/tun", /tun cannot be opened.*chmod 0666/],
      [
        "slirp4netns",
        hidden("slirp4netns"),
        /slirp4netns: the program is not installed. Install slirp4netns/,
      ],
      [
        "pasta",
        hidden("pasta", "slirp4netns"),
        /neither pasta nor slirp4netns is installed. Install passt/,
      ],
    ] as const
  ) {
    const { status, stderr } = await user.as(words(network), script);
    assertEquals(status, 125, stderr);
    assertMatch(stderr, said);
  }
  const { status, stderr } = await execute(words("pasta"));
  assertEquals(status, 125);
  assertMatch(stderr, /ordinary users. As root use --network bridge/);
  const explained = await user.does(
    ...["explain", "run", "--network", "pasta", "true"],
  );
  assertStringIncludes(
    explained,
    "Reaches the rest of the world through pasta",
  );
}, { skip });
