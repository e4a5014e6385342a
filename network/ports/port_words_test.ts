/** The words of `--publish` and `--expose`. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import {
  ipv6Bytes,
  ipv6Text,
  parseExpose,
  parsePublish,
  refuseTwice,
  withAll,
} from "./port_words.ts";

const port = (
  protocol: "tcp" | "udp" | "sctp",
  hostAddress: string,
  host: number | [number, number],
  inside: number,
) => ({
  protocol,
  hostAddress,
  host: typeof host === "number" ? [host, host] as const : host,
  port: inside,
});

Deno.test("parsePublish() reads docker's grammar", () => {
  const words: [string, ReturnType<typeof port>[]][] = [
    ["80", [port("tcp", "", 0, 80)]],
    ["8080:80", [port("tcp", "", 8080, 80)]],
    ["0:80", [port("tcp", "", 0, 80)]],
    ["53:53/UDP", [port("udp", "", 53, 53)]],
    ["9999/sctp", [port("sctp", "", 0, 9999)]],
    ["127.0.0.1:8080:80/udp", [port("udp", "127.0.0.1", 8080, 80)]],
    ["127.0.0.1::80", [port("tcp", "127.0.0.1", 0, 80)]],
    [":80", [port("tcp", "", 0, 80)]],
    ["[::1]:8080:80", [port("tcp", "::1", 8080, 80)]],
    ["[2001:DB8:0::1]::80", [port("tcp", "2001:db8::1", 0, 80)]],
    ["8000-8010:80", [port("tcp", "", [8000, 8010], 80)]],
    ["8000-8001:80-81", [
      port("tcp", "", 8000, 80),
      port("tcp", "", 8001, 81),
    ]],
    ["80-81", [port("tcp", "", 0, 80), port("tcp", "", 0, 81)]],
    ["target=80,published=8080,protocol=udp,mode=host", [
      port("udp", "", 8080, 80),
    ]],
  ];
  for (const [text, ports] of words) {
    assertEquals(parsePublish(text), ports, text);
  }
});

Deno.test("parsePublish() refuses the rest in docker's words", () => {
  for (
    const [text, reason] of [
      ["", "no port specified"],
      ["8080:", "no port specified"],
      ["80:x", "invalid containerPort: x"],
      ["0", "invalid containerPort: 0"],
      ["80:65536", "invalid containerPort: 65536"],
      ["x:80", "invalid hostPort: x"],
      ["70000:80", "invalid hostPort: 70000"],
      ["20-10:80", "invalid hostPort: 20-10"],
      ["1-2:3-5", "invalid ranges specified for container and host Ports"],
      ["80/icmp", "invalid proto: icmp"],
      ["80/", "invalid proto"],
      ["80/tcp/udp", "invalid proto"],
      ["1.2.3:80:80", "invalid IP address: 1.2.3"],
      ["[::1%lo]:80:80", "invalid IP address"],
      ["localhost:80:80", "invalid IP address: localhost"],
      ["target=80,colour=red", "invalid field colour=red"],
    ] as const
  ) assertThrows(() => parsePublish(text), UsageError, reason, text);
});

Deno.test("refuseTwice() refuses a port that only one can have", () => {
  const all = (...texts: string[]) => refuseTwice(texts.flatMap(parsePublish));
  all("8080:80", "8081:80", "8080:80/udp");
  all("127.0.0.1:80:80", "192.0.2.1:80:80", "[::1]:80:80");
  all("0.0.0.0:80:80", "[::]:80:80");
  all("80", "80", "8000-8010:80", "8000-8010:80");
  for (
    const [one, other] of [
      ["8080:80", "8080:81"],
      ["8080:80", "127.0.0.1:8080:80"],
      ["0.0.0.0:8080:80", "127.0.0.1:8080:80"],
      ["[::]:8080:80", "[::1]:8080:80"],
      ["8080-8082:80-82", "8081:80"],
    ] as const
  ) assertThrows(() => all(one, other), UsageError, "is published twice");
});

Deno.test("parseExpose() and withAll() add what is not published", () => {
  assertEquals(parseExpose("80"), ["80/tcp"]);
  assertEquals(parseExpose("8000-8001/udp"), ["8000/udp", "8001/udp"]);
  assertThrows(() => parseExpose("0"), UsageError, "invalid range format");
  assertThrows(() => parseExpose("80/x"), UsageError, "invalid proto: x");
  const given = parsePublish("8080:80");
  assertEquals(withAll(given, ["80/tcp", "53/udp"]), [
    ...given,
    port("udp", "", 0, 53),
  ]);
});

Deno.test("ipv6Bytes() and ipv6Text() are each other's opposite", () => {
  for (
    const text of ["::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "fe80::"]
  ) {
    assertEquals(ipv6Text(ipv6Bytes(text)!), text);
  }
  assertEquals(
    ipv6Bytes("::ffff:1.2.3.4")?.slice(10),
    new Uint8Array([
      ...[0xff, 0xff, 1, 2, 3, 4],
    ]),
  );
  for (const text of ["", "1.2.3.4", "::x", "1::2::3"]) {
    assertEquals(ipv6Bytes(text), null, text);
  }
});
