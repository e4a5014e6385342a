// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import type { RawConfig } from "./container_config.ts";
import { applyInstructions } from "./instructions.ts";

/** The configuration after some instructions. */
function after(instructions: string[], config: RawConfig = {}): RawConfig {
  applyInstructions(config, instructions);
  return config;
}

Deno.test("applyInstructions() reads each instruction", () => {
  assertEquals(
    after([
      "env A=1 B='x $A' C=\"$A ${A}2 ${N:-no} ${A:+yes}\" D=a\\ b",
      "ENV E some more  words",
      'CMD ["a", "b"]',
      "EXPOSE 80 53/udp 90-91",
      'LABEL one=1 "two words"="2 2"',
      "ONBUILD RUN make",
      "USER $A",
      'VOLUME ["/a b", "/c"]',
      "VOLUME /d /e",
      "WORKDIR /x",
      "WORKDIR ../y/./z",
      "STOPSIGNAL SIGINT",
      'SHELL ["/bin/bash", "-c"]',
      "ENTRYPOINT run it",
      "HEALTHCHECK --interval=1m30s --retries=3 --timeout=500ms CMD curl x",
    ]),
    {
      Env: ["A=1", "B=x $A", "C= 2 no ", "D=a b", "E=some more words"],
      Cmd: ["a", "b"],
      ExposedPorts: { "80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {} },
      Labels: { one: "1", "two words": "2 2" },
      OnBuild: ["RUN make"],
      User: "1",
      Volumes: { "/a b": {}, "/c": {}, "/d": {}, "/e": {} },
      WorkingDir: "/y/z",
      StopSignal: "SIGINT",
      Shell: ["/bin/bash", "-c"],
      Entrypoint: ["/bin/bash", "-c", "run it"],
      Healthcheck: {
        Test: ["CMD-SHELL", "curl x"],
        Interval: 90e9,
        Retries: 3,
        Timeout: 500e6,
      },
    },
  );
});

Deno.test("applyInstructions() changes what is there", () => {
  assertEquals(
    after(["ENV A=$A:2", "ENTRYPOINT x", "HEALTHCHECK NONE"], {
      Env: ["A=1", "B=2"],
      Cmd: ["old"],
      Other: 1,
    }),
    {
      Env: ["A=1:2", "B=2"],
      Cmd: null,
      Entrypoint: ["/bin/sh", "-c", "x"],
      Healthcheck: { Test: ["NONE"] },
      Other: 1,
    },
  );
});

for (
  const [instruction, why] of [
    ["RUN x", "RUN cannot be used here"],
    ["", '"" cannot be used here'],
    ["USER", "it has no value"],
    ['USER ""', "its value is empty"],
    ["ENV A", "it takes KEY=VALUE"],
    ["ENV A=1 B", "B is not KEY=VALUE"],
    ['ENV A="1', 'a " has no end'],
    ["ENV A=${B", "after $ only"],
    ["EXPOSE 0", "0 is not PORT"],
    ["EXPOSE 70000", "70000 is not PORT"],
    ["SHELL /bin/sh", "it takes a list in JSON"],
    ["ONBUILD FROM x", "ONBUILD FROM is not allowed"],
    ["HEALTHCHECK x", "it takes CMD"],
    ["HEALTHCHECK --interval=1 CMD x", "--interval=1 is not a duration"],
    ["HEALTHCHECK --x=1 CMD x", "--x is not one of its flags"],
  ] as const
) {
  Deno.test(`applyInstructions() refuses ${instruction || "nothing"}`, () => {
    assertThrows(() => after([instruction]), UsageError, why);
  });
}
