// @ts-types="../../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../spec/errors.ts";
import { commandOf, imageFlags, withImageConfig } from "./image_config.ts";

Deno.test("commandOf() combines entrypoint and words as docker does", () => {
  const both = { Entrypoint: ["e", "f"], Cmd: ["c"] };
  const cases: [object, string[] | undefined, string[], string][] = [
    [both, undefined, [], "e f c"],
    [both, undefined, ["w"], "e f w"],
    [both, ["x"], [], "x"],
    [both, ["x"], ["w"], "x w"],
    [both, [], ["w"], "w"],
    [{ Cmd: ["c", "d"] }, undefined, [], "c d"],
    [{ Cmd: ["c"] }, undefined, ["w"], "w"],
    [{ Entrypoint: ["e"] }, undefined, [], "e"],
  ];
  for (const [config, entrypoint, words, expected] of cases) {
    assertEquals(
      commandOf("app", config, { entrypoint, words }).join(" "),
      expected,
    );
  }
  for (const [config, entrypoint] of [[{}, undefined], [both, []]] as const) {
    assertThrows(
      () => commandOf("app", config, { entrypoint, words: [] }),
      UsageError,
      "The image app names no command",
    );
  }
});

Deno.test("withImageConfig() lets flags win", () => {
  const config = {
    Env: ["A=1", "B=2=3", "PASSES_NOTHING", "=x"],
    WorkingDir: "srv",
    User: "web:staff",
  };
  const merge = (options: object, workdir = false) => {
    const { env, workdir: at, user } = withImageConfig(
      { command: ["x"], workdir: "/", ...options },
      config,
      { workdir },
    );
    return { env, at, user };
  };
  assertEquals(merge({}), {
    env: { A: "1", B: "2=3" },
    at: "/srv",
    user: "web:staff",
  });
  assertEquals(merge({ env: { A: "9" }, workdir: "/w", user: "0" }, true), {
    env: { A: "9", B: "2=3" },
    at: "/w",
    user: "0",
  });
  assertEquals(
    withImageConfig(
      { command: ["x"], workdir: "/" },
      { User: "", WorkingDir: "" },
      { workdir: false },
    ),
    { command: ["x"], workdir: "/", env: {}, user: undefined },
  );
});

Deno.test("imageFlags() has the labels and the signal", () => {
  assertEquals(
    imageFlags({ Labels: { a: "b=c", "x=y": "z" }, StopSignal: "SIGINT" }),
    [["label", "a=b=c"], ["stop-signal", "SIGINT"]],
  );
  assertEquals(imageFlags({}), []);
});
