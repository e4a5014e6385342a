/** The directory of reused plans stays small and private. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { store } from "./shelf.ts";

const bytes = (size: number, value = 1) => new Uint8Array(size).fill(value);

const names = (state: string) =>
  [...Deno.readDirSync(`${state}/plans`)].map(({ name }) => name).sort();

async function inTemporary(test: (state: string) => void): Promise<void> {
  const state = await Deno.makeTempDir();
  try {
    test(state);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

Deno.test("store() makes private files in a private directory", () =>
  inTemporary((state) => {
    store(state, "one", bytes(10));
    const mode = (path: string) => Deno.statSync(path).mode! & 0o777;
    assertEquals(mode(`${state}/plans`), 0o700);
    assertEquals(mode(`${state}/plans/one`), 0o600);
    store(state, "one", bytes(20));
    assertEquals(Deno.readFileSync(`${state}/plans/one`), bytes(20));
    assertEquals(names(state), ["one"]);
  }));

Deno.test("store() leaves an equal plan as it is", () =>
  inTemporary((state) => {
    store(state, "one", bytes(10));
    const { ino } = Deno.statSync(`${state}/plans/one`);
    store(state, "one", bytes(10));
    assertEquals(Deno.statSync(`${state}/plans/one`).ino, ino);
  }));

Deno.test("store() removes the oldest of too many plans, and old drafts", () =>
  inTemporary((state) => {
    for (let index = 0; index < 70; index++) {
      store(state, `plan${index}`, bytes(1));
      Deno.utimeSync(`${state}/plans/plan${index}`, index, index);
    }
    const draft = `${state}/plans/.draft`;
    Deno.writeTextFileSync(draft, "");
    Deno.utimeSync(draft, 1, 1);
    Deno.writeTextFileSync(`${state}/plans/.fresh`, "");
    store(state, "last", bytes(1));
    const found = names(state);
    assertEquals(found.length, 65);
    assertEquals(found.includes("last"), true);
    assertEquals(found.includes("plan69"), true);
    assertEquals(found.includes("plan1"), false);
    assertEquals(found.includes(".draft"), false);
    assertEquals(found.includes(".fresh"), true);
  }));

Deno.test("store() removes the oldest of too many bytes", () =>
  inTemporary((state) => {
    for (let index = 0; index < 6; index++) {
      store(state, `plan${index}`, bytes(1 << 20));
      Deno.utimeSync(`${state}/plans/plan${index}`, index, index);
    }
    assertEquals(names(state), ["plan2", "plan3", "plan4", "plan5"]);
  }));

Deno.test("store() changes nothing where it cannot write", () =>
  inTemporary((state) => {
    Deno.writeTextFileSync(`${state}/plans`, "a file");
    store(state, "one", bytes(1));
    assertEquals(Deno.readTextFileSync(`${state}/plans`), "a file");
    store("/proc/none", "one", bytes(1));
  }));
