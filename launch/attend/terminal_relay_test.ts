// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Relay } from "./terminal_relay.ts";
import { Descriptor, O, open, writeAll } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { TIOCGPTPEER, TIOCSPTLCK } from "../../ffi/termios.ts";
import type { OuterTerminal } from "./outer_terminal.ts";

/** Opens both sides of a terminal, pty(7). */
function openTerminal(): { master: Descriptor; slave: Descriptor } {
  const master = open("/dev/ptmx", O.O_RDWR | O.O_NOCTTY);
  syscall("ioctl", master.fd, TIOCSPTLCK, new Uint8Array(4));
  const flags = O.O_RDWR | O.O_NOCTTY | O.O_CLOEXEC;
  const slave = syscall("ioctl", master.fd, TIOCGPTPEER, flags);
  return { master, slave: new Descriptor(slave) };
}

/**
 * Streams that are not a terminal; calls `attend` each time the relay asks for
 * input.
 */
const outerThat = (attend: () => void) => ({
  exists: false,
  attend() {
    attend();
    return true;
  },
  tie() {},
  copySize() {},
  asTyped: (bytes: Uint8Array) => bytes,
  asWritten: (bytes: Uint8Array) => bytes,
  hasHungUp: () => false,
} as unknown as OuterTerminal);

/** The part that runs in a process with its own streams. */
async function relayThatEnds(): Promise<void> {
  const { master, slave } = openTerminal();
  let asked = 0;
  const outer = outerThat(() => {
    // The third question comes when there is input, just before it is read.
    if (++asked !== 3) return;
    writeAll(slave.fd, new TextEncoder().encode("last words"));
    slave.close();
    relay.finish();
  });
  using relay = new Relay(master, outer, () => {});
  await relay.run();
}

/** A relay whose terminal is closed a moment before the container's end. */
async function relayThatIsClosed(): Promise<void> {
  const { master, slave } = openTerminal();
  using relay = new Relay(master, outerThat(() => {}), () => {});
  // No timer fires, so only the container's end can end the relay.
  Object.assign(globalThis, {
    setTimeout(_: () => void, time?: number) {
      if (time) queueMicrotask(() => relay.finish());
      return 0;
    },
  });
  slave.close();
  await relay.run();
}

if (Deno.args[0] === "relay") {
  await relayThatEnds();
  Deno.exit(0);
}
if (Deno.args[0] === "closed") {
  await relayThatIsClosed();
  Deno.exit(0);
}

Deno.test("Relay reads the terminal to its end if that comes while input is read", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, "relay"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("typed\n"));
  const { code, stdout } = await child.output();
  await writer.close().catch(() => {});
  assertEquals(code, 0);
  // The terminal may also echo what was typed.
  assertStringIncludes(new TextDecoder().decode(stdout), "last words");
});

Deno.test("Relay waits for no timer if the container ends after its terminal is closed", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, "closed"],
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(20_000),
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});
