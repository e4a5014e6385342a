/** Tests that the child reads the handover that the parent writes. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { emptyMemoryFile, readAt } from "../ffi/fcntl.ts";
import type { Plan } from "../plan/step.ts";
import { readHandover } from "./handover.ts";
import { HANDOVER, HANDOVER_SIZE } from "./handover_layout.ts";
import { packHandover } from "./pack_handover.ts";

const step = { why: "", man: "" };

const PLAN: Plan = {
  init: true,
  host: [],
  launch: [],
  container: [{ step: "setHostname", hostname: "box", ...step }],
  process: [
    { step: "joinCgroups", files: ["/a", "/b"], from: 9, ...step },
    {
      step: "execute",
      candidates: ["/bin/true"],
      argv: ["true", "ü"],
      env: [],
      ...step,
    },
  ],
  cleanup: [{ step: "killAll", ...step }, {
    step: "unmount",
    target: "/proc",
    ...step,
  }],
};

function packed() {
  using file = emptyMemoryFile("handover");
  const programs = packHandover(file, {
    plan: PLAN,
    debug: true,
    preserve: 2,
    foreground: false,
    terminal: false,
  });
  const bytes = new Uint8Array(1 << 20);
  return { programs, bytes: bytes.slice(0, readAt(file.fd, bytes, 0)) };
}

Deno.test("readHandover() returns what packHandover() has written", () => {
  const { programs, bytes } = packed();
  const received = readHandover(bytes)!;
  assertEquals(received.programs, programs);
  assertEquals(
    [received.debug, received.preserve, received.cgroups],
    [true, 2, 2],
  );
  assertEquals(received.steps("container"), PLAN.container);
  assertEquals(received.steps("process"), PLAN.process);
  assertEquals(received.steps("cleanup"), PLAN.cleanup.slice(1));
});

Deno.test("packHandover() writes its size, and aligned parts", () => {
  const { bytes } = packed();
  const view = new DataView(bytes.buffer);
  assertEquals(Number(view.getBigUint64(HANDOVER.size, true)), bytes.length);
  for (let at: number = HANDOVER.parts; at < HANDOVER_SIZE; at += 16) {
    assertEquals(view.getBigUint64(at, true) % 8n, 0n);
  }
});

Deno.test("readHandover() returns null for another file or version", () => {
  const { bytes } = packed();
  assertEquals(readHandover(new Uint8Array(HANDOVER_SIZE)), null);
  assertEquals(readHandover(new Uint8Array()), null);
  new DataView(bytes.buffer).setUint32(HANDOVER.version, 1, true);
  assertEquals(readHandover(bytes), null);
});
