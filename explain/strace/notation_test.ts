/** Formats values as strace(1) does. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { SIGNAL, sigset } from "../../ffi/signal.ts";
import { lower } from "../../launch/lower/lower.ts";
import { flags, named, octal, plain, quote, signalSet } from "./notation.ts";
import { showInstructions } from "./transcript.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("quote() escapes as strace does", () => {
  assertEquals(quote(bytes('a"b\\c\n\t')), String.raw`"a\"b\\c\n\t"`);
  assertEquals(quote(bytes("é")), String.raw`"\303\251"`);
  // A digit after an octal escape would become part of it.
  assertEquals(quote(bytes("\x01x\x012")), String.raw`"\1x\0012"`);
  assertEquals(quote(new Uint8Array(1)), String.raw`"\0"`);
});

Deno.test("flags() names the known bits and shows the rest as a number", () => {
  const names = { A: 1, B: 2, BOTH: 3 };
  assertEquals(flags(3, names), "A|B");
  assertEquals(flags(0, names), "0");
  assertEquals(flags(9n, names), "A|0x8");
});

Deno.test("named() and octal() write numbers without a name", () => {
  assertEquals([named(2, { X: 2 }), named(3, { X: 2 })], ["X", "3"]);
  assertEquals([octal(0), octal(0o755)], ["000", "0755"]);
});

Deno.test("plain() puts values that are not known yet in angle brackets", () => {
  assertEquals(plain({ slot: "kernel" }), "<kernel>");
  assertEquals(plain({ addressOf: "group" }), "[<group>]");
  assertEquals(plain(["a", "b"]), '["a", "b"]');
  assertEquals(plain(null), "NULL");
});

Deno.test("signalSet() writes the set or its complement, whichever is shorter", () => {
  const show = (...signals: number[]) => signalSet(sigset(signals), SIGNAL);
  assertEquals(show(), "[]");
  assertEquals(
    show(SIGNAL.SIGINT, SIGNAL.SIGCHLD, 32, 34),
    "[INT CHLD RTMIN RT_2]",
  );
  const all = Array.from({ length: 64 }, (_, index) => index + 1);
  assertEquals(
    show(...all.filter((signal) => signal !== SIGNAL.SIGKILL)),
    "~[KILL]",
  );
});

Deno.test("showInstructions() counts skipped calls without comparisons", () => {
  assertEquals(
    showInstructions([
      {
        name: "chdir",
        args: ["/a"],
        expect: ["ENOENT"],
        skipOnExpected: 2,
      },
      { name: "compare", args: ["a", "b", 1], otherwise: "EXDEV" },
      { name: "close", args: [{ slot: "a" }], skipOnSuccess: 1 },
      { name: "close", args: [3] },
      { name: "fail", error: "ENOENT" },
    ]),
    [
      'chdir("/a") = 0 /* or ENOENT: skip 1 */',
      "close(<a>) = 0 /* then skip 1 */",
      "close(3) = 0",
    ],
  );
});

const WHY = { why: "", man: "" };

Deno.test("showInstructions() writes a clone into a cgroup", () => {
  const cgroup = "/sys/fs/cgroup/box";
  assertEquals(
    showInstructions(
      lower({ step: "clone", namespaces: ["pid"], cgroup, ...WHY }),
    ),
    [
      'openat(AT_FDCWD, "/sys/fs/cgroup/box", O_RDONLY|O_CLOEXEC|O_PATH|O_DIRECTORY) = <cgroup>',
      "dup3(<cgroup>, 8, O_CLOEXEC) = 8 /* or EINVAL: skip 1 */",
      "close(<cgroup>) = 0",
      "clone3({flags=CLONE_PARENT|CLONE_NEWPID|CLONE_CLEAR_SIGHAND|CLONE_INTO_CGROUP, exit_signal=0, stack=NULL, stack_size=0, cgroup=8}, 88) = <pid>",
    ],
  );
});

Deno.test("showInstructions() writes only the used part of a Landlock ruleset", () => {
  const created = (ports: ["BIND_TCP"] | [], scopes: ["SIGNAL"] | []) =>
    showInstructions(
      lower({
        step: "createRuleset",
        files: ["EXECUTE", "IOCTL_DEV"],
        ports,
        scopes,
        ...WHY,
      }),
    )[0];
  const files =
    "handled_access_fs=LANDLOCK_ACCESS_FS_EXECUTE|LANDLOCK_ACCESS_FS_IOCTL_DEV";
  assertEquals(
    created([], []),
    `landlock_create_ruleset({${files}}, 8, 0) = <ruleset>`,
  );
  assertEquals(
    created(["BIND_TCP"], []),
    `landlock_create_ruleset({${files}, handled_access_net=LANDLOCK_ACCESS_NET_BIND_TCP}, 16, 0) = <ruleset>`,
  );
  assertEquals(
    created([], ["SIGNAL"]),
    `landlock_create_ruleset({${files}, handled_access_net=0, scoped=LANDLOCK_SCOPE_SIGNAL}, 24, 0) = <ruleset>`,
  );
  assertEquals(
    showInstructions(
      lower({ step: "allowPort", port: 80, right: "CONNECT_TCP", ...WHY }),
    ),
    [
      "landlock_add_rule(<ruleset>, LANDLOCK_RULE_NET_PORT, {allowed_access=LANDLOCK_ACCESS_NET_CONNECT_TCP, port=80}, 0) = 0",
    ],
  );
});
