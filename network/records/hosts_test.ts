// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import {
  changeHosts,
  type HostsParts,
  makeHosts,
  removeHosts,
  renewHosts,
} from "./hosts.ts";
import { releaseLease, takeLease } from "./leases.ts";
import { Networks } from "./networks.ts";

const boot = "this boot";
const id = (number: number) =>
  number.toString(16).padStart(12, "0").padEnd(64, "0");

/** Networks with containers that have files, but no devices. */
class Place implements Disposable {
  readonly dir = Deno.makeTempDirSync();
  readonly networks = new Networks(`${this.dir}/records`);

  create(name: string): string {
    const record = this.networks.create({
      ...{ name, internal: false, icc: true, masquerade: true },
      ...{ labels: {}, options: {} },
    }, []);
    return this.networks.directoryOf(record.id);
  }

  lease(directory: string, number: number): void {
    const record = this.networks.find(directory.split("/").at(-1)!);
    takeLease(directory, record, {
      ...{ container: id(number), name: `n${number}`, aliases: [], boot },
    });
  }

  join(number: number, ...networks: string[]): void {
    for (const directory of networks) this.lease(directory, number);
    makeHosts(this.path(number), {
      ...{ container: id(number), names: [`h${number}`] },
      ...{ text: "127.0.0.1\tlocalhost\n", networks, named: networks, boot },
    });
  }

  leave(number: number, ...networks: string[]): void {
    removeHosts(this.path(number));
    for (const directory of networks) releaseLease(directory, id(number));
  }

  path = (number: number) => `${this.dir}/hosts/${id(number)}`;

  /** The lines of a container's file, without empty ones and the short IDs. */
  lines(number: number): string[] {
    return Deno.readTextFileSync(this.path(number)).split("\n")
      .filter(Boolean).map((line) => line.replace(/ 0[0-9a-f]{11}$/, ""));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

Deno.test("names appear in the files of others and disappear, in place", () => {
  using place = new Place();
  const [blue, red] = [place.create("blue"), place.create("red")];
  place.join(1, blue);
  const { ino } = Deno.statSync(place.path(1));
  place.join(2, blue, red);
  place.join(3, red);
  const local = "127.0.0.1\tlocalhost";
  assertEquals(place.lines(1), [
    ...[local, "172.17.0.2\th1 n1", "172.17.0.3\tn2"],
  ]);
  assertEquals(place.lines(2), [
    ...[local, "172.17.0.3\th2 n2", "172.18.0.2\th2 n2"],
    ...["172.17.0.2\tn1", "172.18.0.3\tn3"],
  ]);
  place.leave(2, blue, red);
  assertEquals(place.lines(1), [local, "172.17.0.2\th1 n1"]);
  assertEquals(place.lines(3), [local, "172.18.0.3\th3 n3"]);
  assertEquals(Deno.statSync(place.path(1)).ino, ino);
  place.join(4, blue);
  assertEquals(place.lines(1).at(-1), "172.17.0.4\tn4");
  assertEquals(place.lines(4).at(-1), "172.17.0.2\tn1");
});

Deno.test("a container that runs changes its networks", () => {
  using place = new Place();
  const [blue, red] = [place.create("blue"), place.create("red")];
  place.join(1, blue);
  place.join(2, red);
  place.join(3, blue);
  const parts = (
    ...networks: string[]
  ): Pick<HostsParts, "networks" | "named"> => ({ networks, named: networks });
  place.lease(red, 1);
  changeHosts(place.path(1), parts(blue, red));
  assertEquals(place.lines(1).slice(1), [
    ...["172.17.0.2\th1 n1", "172.18.0.3\th1 n1"],
    ...["172.17.0.3\tn3", "172.18.0.2\tn2"],
  ]);
  assertEquals(place.lines(2).at(-1), "172.18.0.3\tn1");
  changeHosts(place.path(1), parts(red));
  assertEquals(place.lines(3).length, 2);
  assertEquals(place.lines(1).slice(1), [
    ...["172.18.0.3\th1 n1", "172.18.0.2\tn2"],
  ]);
});

Deno.test("a file does not grow with those that come and go, and is mended", () => {
  using place = new Place();
  const blue = place.create("blue");
  place.join(1, blue);
  for (let round = 0; round < 500; round++) {
    place.join(2, blue);
    place.leave(2, blue);
  }
  assert(Deno.statSync(place.path(1)).size < 20_000);
  assert(Deno.statSync(`${blue}/names`).size < 20_000);
  assertEquals(place.lines(1).length, 2);
  // What the container itself has written stays, until it is too much.
  Deno.writeTextFileSync(place.path(1), "10.1.1.1\tmine\n", { append: true });
  place.join(2, blue);
  assertEquals(place.lines(1).slice(2), ["10.1.1.1\tmine", "172.17.1.247\tn2"]);
  Deno.truncateSync(place.path(1), 0);
  renewHosts(place.path(1));
  assertEquals(place.lines(1)[2], "172.17.1.247\tn2");
});
