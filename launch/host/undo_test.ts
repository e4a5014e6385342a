// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { HostRecord, RecordedUndo } from "../../plan/undo.ts";
import { identityOf, isStill } from "./identity.ts";
import { thisProcess } from "./owner.ts";
import { sweep, UndoFile } from "./undo_file.ts";
import { takeBack } from "./undo.ts";

/** A directory that is removed after the test. */
function temporary() {
  const path = Deno.makeTempDirSync({ prefix: "container-test-" });
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

const recordOf = (
  undos: RecordedUndo[],
  changes: Partial<HostRecord> = {},
): HostRecord => ({ owner: thisProcess(), undos, ...changes });

/** The undo of a directory that a start has made. */
function made(path: string): RecordedUndo {
  Deno.mkdirSync(path);
  return {
    operation: { undo: "removeEmpty", path },
    made: identityOf(path) ?? undefined,
  };
}

const names = (path: string) =>
  [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("takeBack() removes directories, the newest first, and does nothing the second time", () => {
  using dir = temporary();
  const undos = [made(`${dir.path}/a`), made(`${dir.path}/a/b`)];
  takeBack(recordOf(undos));
  assertEquals(names(dir.path), []);
  takeBack(recordOf(undos));
});

Deno.test("takeBack() leaves a directory with content, and one that was made again", () => {
  using dir = temporary();
  const [full, again] = [`${dir.path}/full`, `${dir.path}/again`];
  const undos = [made(full), made(again)];
  Deno.writeTextFileSync(`${full}/file`, "kept");
  // The first keeps its inode number in use.
  Deno.renameSync(again, `${dir.path}/moved`);
  Deno.mkdirSync(again);
  assert(!isStill(again, undos[1]!.made!));
  takeBack(recordOf(undos));
  assertEquals(names(dir.path), ["again", "full", "moved"]);
});

Deno.test("takeBack() removes no file in the place of a directory", () => {
  using dir = temporary();
  const path = `${dir.path}/file`;
  Deno.writeTextFileSync(path, "another program's");
  takeBack(recordOf([
    { operation: { undo: "removeEmpty", path } },
    { operation: { undo: "removeEmpty", path: `${path}/upper` } },
    { operation: { undo: "removeFile", path } },
  ]));
  assertEquals(names(dir.path), ["file"]);
});

Deno.test("takeBack() leaves what belongs to failed starts when the container has started", () => {
  using dir = temporary();
  const undo: RecordedUndo = { ...made(`${dir.path}/upper`), ifFailed: true };
  takeBack(recordOf([undo], { started: true }));
  assertEquals(names(dir.path), ["upper"]);
  takeBack(recordOf([undo]));
  assertEquals(names(dir.path), []);
});

Deno.test("takeBack() removes what the kernel makes in a work directory, but nothing else", () => {
  using dir = temporary();
  const path = `${dir.path}/work`;
  const { made: identity } = made(path);
  Deno.mkdirSync(`${path}/work`);
  const operation = {
    undo: "removeEmpty",
    path,
    inside: ["work", "index"],
  } as const;
  Deno.writeTextFileSync(`${path}/work/file`, "");
  takeBack(recordOf([{ operation, made: identity }]));
  assertEquals(names(`${path}/work`), ["file"]);
  Deno.removeSync(`${path}/work/file`);
  takeBack(recordOf([{ operation, made: identity }]));
  assertEquals(names(dir.path), []);
});

Deno.test("takeBack() touches no object of the kernel after a reboot", () => {
  using dir = temporary();
  const path = `${dir.path}/class`;
  Deno.mkdirSync(path);
  const undos: RecordedUndo[] = [{
    operation: { undo: "removeClass", path },
    made: identityOf(path) ?? undefined,
  }];
  const before = { ...thisProcess(), boot: "an earlier boot" };
  takeBack(recordOf(undos, { owner: before }));
  assertEquals(names(dir.path), ["class"]);
  takeBack(recordOf(undos));
  assertEquals(names(dir.path), []);
});

Deno.test("takeBack() runs all other undos when one fails, and then reports it", () => {
  using dir = temporary();
  const undos: RecordedUndo[] = [
    made(`${dir.path}/first`),
    {
      operation: { undo: "removeEmpty", path: `${"x/".repeat(3000)}y` },
    },
  ];
  assertThrows(() => takeBack(recordOf(undos)), Error, "ENAMETOOLONG");
  assertEquals(names(dir.path), []);
});

Deno.test("sweep() runs the undos of ended processes only", () => {
  using dir = temporary();
  const records = `${dir.path}/undo`;
  const living = recordOf([made(`${dir.path}/living`)]);
  const ended = recordOf([made(`${dir.path}/ended`)]);
  new UndoFile(records, "living").intend(living);
  const text = JSON.stringify(ended);
  Deno.writeTextFileSync(`${records}/ended.${Deno.pid}.1`, text);
  Deno.writeTextFileSync(`${records}/.draft.${Deno.pid}.1`, text.slice(0, 9));
  Deno.writeTextFileSync(`${records}/broken.${Deno.pid}.1`, "{");
  const { removed, failed } = sweep(records);
  assertEquals(removed, [`ended.${Deno.pid}.1`]);
  assertEquals(failed.map(({ name }) => name), [`broken.${Deno.pid}.1`]);
  assertEquals(names(dir.path), ["living", "undo"]);
  assertEquals(names(records).length, 2);
});

Deno.test("sweep() leaves a record that another command works on", async () => {
  using dir = temporary();
  const path = `${dir.path}/ended.${Deno.pid}.1`;
  await Deno.writeTextFile(path, JSON.stringify(recordOf([])));
  using file = await Deno.open(path);
  file.lockSync(true);
  assertEquals(sweep(dir.path), { removed: [], failed: [] });
  file.unlockSync();
  assertEquals(sweep(dir.path).removed, [`ended.${Deno.pid}.1`]);
});
