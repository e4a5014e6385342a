/**
 * Resolves the user of a command from account files that the image controls.
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { SpecError } from "../../spec/errors.ts";
import { parseGroup, parsePasswd, resolveUser } from "./users.ts";

const PASSWD = parsePasswd([
  "app:x:1000:1000::/srv:/bin/sh",
  "wide:x:4294967296:5::/:/bin/sh",
  "last:x:4294967295:5::/:/bin/sh",
  "group:x:1001:4294967296::/:/bin/sh",
  "none:x:1002:::/:/bin/sh",
  "word:x:root:5::/:/bin/sh",
].join("\n"));
const GROUP = parseGroup([
  "staff:x:50:app",
  "wide:x:4294967296:group",
  "none:x::app2",
].join("\n"));

const resolve = (user: string, ...groupAdd: string[]) =>
  resolveUser({ user, groupAdd }, PASSWD, GROUP);

Deno.test("resolveUser() finds an account with its groups", () => {
  assertEquals(resolve("app"), {
    uid: 1000,
    gid: 1000,
    groups: [50],
    home: "/srv",
  });
  assertEquals(resolve("1000"), resolve("app"));
  assertEquals(resolve("7:8", "staff"), {
    uid: 7,
    gid: 8,
    groups: [50],
    home: "/",
  });
});

Deno.test("resolveUser() refuses numbers that the kernel would take for root", () => {
  const wrong: [user: string, ...groupAdd: string[]][] = [
    ...[["wide"], ["last"], ["group"], ["none"], ["word"]] as [string][],
    ...[["1001"], ["app:wide"], ["app:none"], ["app", "wide"]] as [string][],
    ...[["4294967296"], ["4294967295"], ["1:4294967296"]] as [string][],
    ...[["1", "18446744073709551616"]] as [string, string][],
  ];
  for (const [user, ...groupAdd] of wrong) {
    assertThrows(
      () => resolve(user, ...groupAdd),
      SpecError,
      undefined,
      `${user} ${groupAdd}`,
    );
  }
});
