/**
 * A root filesystem that changes while a directory of it is copied into a tmpfs
 * (tmpcopyup). The copy is made on the host, and must contain nothing of the
 * host.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert } from "@std/assert";
import { noAttacker, Swapper } from "../_attack.ts";
import { Bundle } from "../_bundle.ts";
import { TempDir, test } from "../_harness.ts";

/** Rounds for each speed at which the names are exchanged. */
const ROUNDS = 8;
const PAUSES = [200, 2000, 20_000, 200_000];

test(
  "tmpcopyup of a directory that is exchanged with a link copies nothing of the host",
  async () => {
    await using host = new TempDir();
    await Deno.writeTextFile(`${host.path}/secret`, "secret of the host\n");
    await using bundle = await Bundle.make(
      ["sh", "-c", "cat /copied/*/*/secret; true"],
      (config) =>
        config.mounts.push({
          destination: "/copied",
          type: "tmpfs",
          options: ["tmpcopyup"],
        }),
    );
    const copied = `${bundle.dir.path}/rootfs/copied`;
    const pairs = Array.from(
      { length: 40 },
      (_, index) => `${copied}/${index}`,
    );
    for (const pair of pairs) {
      await Deno.mkdir(`${pair}/directory`, { recursive: true });
      await Deno.symlink(host.path, `${pair}/link`);
    }
    for (const pause of PAUSES) {
      await using _swappers = new AsyncDisposableStack();
      for (const pair of [pairs[0]!, pairs[39]!]) {
        _swappers.use(new Swapper(`${pair}/directory`, `${pair}/link`, pause));
      }
      for (let round = 0; round < ROUNDS; round++) {
        const { stdout } = await bundle.call(
          "run",
          "--bundle",
          bundle.dir.path,
          "copied",
        );
        assert(!stdout.includes("secret of the host"), stdout);
      }
    }
  },
  { skip: noAttacker },
);
