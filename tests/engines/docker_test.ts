/**
 * Docker: Debian's dockerd, with runtimes as in --add-runtime in its
 * daemon.json.
 */

import { Docker, noDocker } from "./_docker.ts";
import { BUILDING } from "./_docker_build.ts";
import { ISOLATION } from "./_docker_isolation.ts";
import { LIFE } from "./_docker_life.ts";
import { testTable } from "./_table.ts";

testTable({
  engine: "docker",
  skip: noDocker,
  start: (runtime) => Docker.start(runtime),
  scenarios: [...LIFE, ...ISOLATION, ...BUILDING],
});
