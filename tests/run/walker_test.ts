/**
 * The walker alone: no plan, however broken, makes it crash or hang. The system
 * calls in these plans are harmless.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import type { Instruction } from "../../launch/bytecode/call.ts";
import { HEADER_SIZE, STEP_SIZE } from "../../launch/bytecode/layout.ts";
import { encodeInstructions } from "../../launch/bytecode/encode.ts";
import { readOutcome } from "../../launch/outcome.ts";
import { WALKER } from "../../launch/native/walker_code.ts";
import type { COMPILERS } from "../../scripts/walker.ts";
import { execute, hasProgram, TempDir, test, until } from "../_harness.ts";

type Arch = keyof typeof COMPILERS;
const ARCHES = ["x86_64", "aarch64"] as const;

const code = (arch: Arch) => Uint8Array.fromBase64(WALKER[arch].code);

/** How a walker for an architecture is started here. */
function starter(arch: Arch): { words: string[]; skip: string | null } {
  if (arch === Deno.build.arch) return { words: [], skip: null };
  const qemu = `qemu-${arch}-static`;
  return {
    words: [qemu],
    skip: hasProgram(qemu) ? null : `${qemu} is not installed`,
  };
}

interface Walked {
  status: number;
  /** The plan after the walk. */
  plan: Uint8Array;
}

/** A walker on disk that walks plans in files. */
class Place implements AsyncDisposable {
  readonly #dir = new TempDir();
  #count = 0;
  constructor(readonly words: readonly string[], arch: Arch) {
    Deno.writeFileSync(`${this.#dir.path}/walker`, code(arch));
    Deno.chmodSync(`${this.#dir.path}/walker`, 0o755);
  }

  /** Runs many at a time, since only the way each ends matters. */
  async walk(plan: Uint8Array, argument = "7"): Promise<Walked> {
    const file = `${this.#dir.path}/plan-${this.#count++}`;
    await Deno.writeFile(file, plan);
    const { status, stdout, stderr } = await execute([
      "sh",
      "-c",
      'exec 7<>"$1"; shift; exec timeout -s KILL 20 "$@"',
      "sh",
      file,
      ...this.words,
      `${this.#dir.path}/walker`,
      argument,
    ]);
    assertEquals([stdout, stderr], ["", ""]);
    const left = await Deno.readFile(file);
    await Deno.remove(file);
    return { status, plan: left };
  }

  run(words: readonly string[]) {
    return execute([...this.words, `${this.#dir.path}/walker`, ...words]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dir[Symbol.asyncDispose]();
  }
}

/** A plan that ends with a status, as no real plan does. */
const withExit = (instructions: Instruction[], status: number, arch: Arch) =>
  encodeInstructions(
    [...instructions, { name: "exit_group", args: [status] }],
    arch,
  );

/** A small random generator that makes a failure repeatable. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

for (const arch of ARCHES) {
  const { words, skip } = starter(arch);
  const HARMLESS = arch === "x86_64"
    ? { getpid: 39, getppid: 110, getuid: 102, gettid: 186 }
    : { getpid: 172, getppid: 173, getuid: 174, gettid: 178 };
  const NUMBERS = Object.values(HARMLESS);

  test(
    `the walker (${arch}) ends with the plan's status and keeps results`,
    async () => {
      await using place = new Place(words, arch);
      const image = withExit(
        [
          { name: "getpid", args: [], result: "pid" },
          { name: "compare", args: ["same", "same!", 4], otherwise: "EXDEV" },
          { name: "getuid", args: [], result: "uid", skipOnSuccess: 1 },
          { name: "fail", error: "EIO" },
        ],
        42,
        arch,
      );
      const { status, plan } = await place.walk(image.bytes);
      assertEquals(status, 42);
      const outcome = readOutcome(image, plan);
      assertEquals(outcome.failure, null);
      assert(outcome.slot("pid") > 1);
      assertEquals(outcome.slot("uid"), 0);
    },
    { skip },
  );

  for (
    const [what, instructions, failure] of [
      ["a failing call", [
        { name: "getpid", args: [] },
        { name: "close", args: [-1] },
      ], { index: 1, errno: 9 }],
      ["an unwanted result", [
        {
          name: "getpid",
          args: [],
          want: { result: 0, otherwise: "ESRCH" },
        },
      ], { index: 0, errno: 3 }],
      ["memory that differs", [
        { name: "compare", args: ["abc", "abd", 3], otherwise: "EXDEV" },
      ], { index: 0, errno: 18 }],
      ["a failure in the plan", [{ name: "fail", error: "ENOENT" }], {
        index: 0,
        errno: 2,
      }],
      ["an error that only another call expects", [
        { name: "close", args: [-1], expect: ["EBADF"] },
        { name: "close", args: [-1], expect: ["ENOENT", "EPERM"] },
      ], { index: 1, errno: 9 }],
      ["a plan without an end", [{ name: "getpid", args: [] }], {
        index: 1,
        errno: 8,
      }],
      ["an empty plan", [], { index: 0, errno: 8 }],
    ] satisfies [string, Instruction[], { index: number; errno: number }][]
  ) {
    test(`the walker (${arch}) records a failure: ${what}`, async () => {
      await using place = new Place(words, arch);
      const image = encodeInstructions(instructions as Instruction[], arch);
      const { status, plan } = await place.walk(image.bytes);
      assertEquals(status, 125);
      assertEquals(readOutcome(image, plan).failure, failure);
    }, { skip });
  }

  test(`the walker (${arch}) passes a result on to a later call`, async () => {
    await using place = new Place(words, arch);
    const image = withExit(
      [
        // The descriptor that dup returns can be closed once, but not twice.
        { name: "dup", args: [0], result: "fd" },
        { name: "close", args: [{ slot: "fd" }] },
        { name: "close", args: [{ slot: "fd" }], expect: ["EBADF"] },
      ],
      7,
      arch,
    );
    assertEquals((await place.walk(image.bytes)).status, 7);
  }, { skip });

  test(
    `the walker (${arch}) passes results on in slots behind the steps`,
    async () => {
      await using place = new Place(words, arch);
      const image = withExit(
        [
          ...Array.from({ length: 1000 }, (_, index): Instruction => ({
            name: "dup",
            args: [0],
            result: `fd ${index}`,
          })),
          ...Array.from({ length: 1000 }, (_, index): Instruction => ({
            name: "close",
            args: [{ slot: `fd ${index}` }],
          })),
          { name: "close", args: [{ slot: "fd 999" }], expect: ["EBADF"] },
        ],
        7,
        arch,
      );
      assertEquals((await place.walk(image.bytes)).status, 7);
    },
    { skip },
  );

  test(
    `the walker (${arch}) refuses a slot that is outside the plan`,
    async () => {
      await using place = new Place(words, arch);
      const image = withExit(
        [{ name: "close", args: [{ slot: "fd" }], expect: ["EBADF"] }],
        7,
        arch,
      );
      const view = new DataView(image.bytes.buffer);
      for (const slot of [0xfffen, 0xffffn, 0x10000n, 1n << 61n]) {
        view.setBigUint64(HEADER_SIZE + 8, slot, true);
        const { status, plan } = await place.walk(image.bytes);
        assertEquals(status, 125);
        assertEquals(readOutcome(image, plan).failure, { index: 0, errno: 8 });
      }
    },
    { skip },
  );

  test(
    `the walker (${arch}) ends with 125 without a descriptor or with a wrong one`,
    async () => {
      await using place = new Place(words, arch);
      for (
        const argv of [
          [],
          [""],
          ["x"],
          ["7x"],
          ["-1"],
          ["999"],
          [
            "99999999999999999999",
          ],
          ["0"],
          ["7", "8"],
        ]
      ) assertEquals((await place.run(argv)).status, 125, argv.join(" "));
    },
    { skip },
  );

  test(`the walker (${arch}) survives truncated plans`, async () => {
    await using place = new Place(words, arch);
    const { bytes } = withExit(
      [
        { name: "getpid", args: [], result: "pid" },
        { name: "compare", args: ["same", "same", 4], otherwise: "EXDEV" },
      ],
      42,
      arch,
    );
    const sizes = [0, 1, 4, 8, 16, 63, 64, 512, 2047, 2048, 2049, 2135, 2136];
    for (const size of [...sizes, bytes.length - 1]) {
      const { status } = await place.walk(bytes.slice(0, size));
      assertEquals(status, 125, `${size} bytes`);
    }
    const longer = new Uint8Array(bytes.length + 5000);
    longer.set(bytes);
    assertEquals((await place.walk(longer)).status, 42);
    assertEquals(
      (await place.walk(new Uint8Array((64 << 20) + 4096))).status,
      125,
    );
  }, { skip });

  test(`the walker (${arch}) survives extreme headers`, async () => {
    await using place = new Place(words, arch);
    const edges = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn];
    const cases: [string, (view: DataView) => void][] = [];
    for (const value of edges) {
      const word = Number(value);
      cases.push([`magic ${value}`, (view) => view.setUint32(0, word, true)]);
      if (value !== 1n) {
        cases.push([
          `version ${value}`,
          (view) => view.setUint32(4, word, true),
        ]);
      }
      if (value > 1n) {
        cases.push([
          `count ${value}`,
          (view) => view.setUint32(16, word, true),
        ]);
      }
    }
    for (
      const size of [0n, 1n, 512n, 2047n, 1n << 20n, 1n << 32n, 1n << 63n, ~0n]
    ) {
      cases.push([
        `size ${size}`,
        (view) => view.setBigUint64(8, BigInt.asUintN(64, size), true),
      ]);
    }
    for (const [name, change] of cases) {
      const { bytes } = withExit([], 42, arch);
      change(new DataView(bytes.buffer));
      assertEquals((await place.walk(bytes)).status, 125, name);
    }
  }, { skip });

  test(
    `the walker (${arch}) fails comparisons outside the plan, wherever they point`,
    async () => {
      await using place = new Place(words, arch);
      const BASE = 0x100000000n;
      const far = [0n, 1n, BASE - 1n, BASE + 4096n, BASE << 1n, 1n << 63n, ~0n];
      for (const address of far) {
        for (const length of [1n, 4096n, ~0n]) {
          const { bytes } = encodeInstructions([
            { name: "compare", args: ["x", "x", 1], otherwise: "EXDEV" },
          ], arch);
          const view = new DataView(bytes.buffer);
          view.setBigUint64(HEADER_SIZE + 8, BigInt.asUintN(64, address), true);
          view.setBigUint64(HEADER_SIZE + 24, BigInt.asUintN(64, length), true);
          const { status, plan } = await place.walk(bytes);
          assertEquals(status, 125, `${address} ${length}`);
          assertEquals(new DataView(plan.buffer).getInt32(24, true), 18);
        }
      }
    },
    { skip },
  );

  // Emulation starts slowly.
  const ROUNDS = words.length ? 100 : 600;
  test(
    `the walker (${arch}) ends ${ROUNDS} random plans by an exit, never by a signal or a hang`,
    async () => {
      await using place = new Place(words, arch);
      const tasks = Array.from({ length: ROUNDS }, (_, seed) => async () => {
        const plan = randomPlan(random(seed * 2654435761 + 1), NUMBERS);
        const { status } = await place.walk(plan);
        assert(status < 128, `seed ${seed}: ${status}`);
      });
      await Promise.all(
        Array.from({ length: 4 }, async () => {
          for (let task = tasks.pop(); task; task = tasks.pop()) await task();
        }),
      );
      await until("all are done", () => tasks.length === 0);
    },
    { skip },
  );
}

/** A plan that may be valid enough to be walked; no call in it can do harm. */
function randomPlan(
  below: (limit: number) => number,
  numbers: readonly number[],
): Uint8Array {
  const count = below(8);
  const size = HEADER_SIZE + STEP_SIZE * count + below(3) * 64;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = below(256);
  const view = new DataView(bytes.buffer);
  const rarely = () => below(10) === 0;
  if (!rarely()) view.setUint32(0, 0x4b4c4157, true);
  if (!rarely()) view.setUint32(4, 1, true);
  if (!rarely()) view.setBigUint64(8, BigInt(size), true);
  if (!rarely()) view.setUint32(16, count, true);
  for (let i = 0; i < count; i++) {
    const at = HEADER_SIZE + STEP_SIZE * i;
    const operation = below(4);
    view.setInt32(
      at,
      operation === 0
        ? -1 - below(6)
        : operation === 1 && rarely()
        ? -below(0x7fffffff) - 1
        : numbers[below(numbers.length)]!,
      true,
    );
    // Words near to something valid: slots, addresses in the plan.
    for (let word = 0; word < 6; word++) {
      if (rarely()) continue;
      const near = [
        BigInt(rarely() ? below(0x10001) : below(256)),
        0x100000000n + BigInt(below(size + 64)),
        BigInt.asUintN(64, -BigInt(below(4096))),
      ];
      view.setBigUint64(at + 8 + 8 * word, near[below(3)]!, true);
    }
  }
  // A larger count would read the noise behind the plan as steps, so it is cut.
  if (view.getUint32(16, true) !== count) {
    view.setUint32(16, Math.max(view.getUint32(16, true), 1 << 20), true);
  }
  return bytes;
}
