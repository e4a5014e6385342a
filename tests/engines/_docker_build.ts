/** docker: building images, and several containers with docker-compose. */

import { without } from "../_harness.ts";
import type { Scenario } from "./_scenario.ts";

/** The scenarios. */
export const BUILDING: readonly Scenario[] = [
  {
    name: "build with the classic builder",
    script: `
      mkdir b; echo content >b/file
      cat >b/Dockerfile <<'END'
FROM busybox
ENV NAME=value
COPY file /file
RUN echo $NAME >/made && id -u >>/made && cat /file >>/made
USER 12:34
WORKDIR /tmp
RUN id -g >/tmp/group
HEALTHCHECK CMD true
ENTRYPOINT ["cat"]
CMD ["/made", "group"]
END
      docker build -q -t built b >/dev/null 2>&1; echo status $?
      docker run --rm built
      printf 'FROM busybox\\nRUN exit 9\\n' >b/Dockerfile
      saying 'returned a non-zero code: 9' docker build b`,
    says: `
status 0
value
0
content
34
status 9
returned a non-zero code: 9`,
  },
  {
    name: "docker-compose up, exec, logs and down",
    script: `
      mkdir c; cd c
      cat >docker-compose.yml <<'END'
version: "2.4"
services:
  web:
    image: busybox
    command: sh -c 'mkdir /www; echo page >/www/index.html; httpd -f -h /www'
    healthcheck: {test: "wget -qO- http://127.0.0.1/", interval: 200ms}
    mem_limit: 64m
    init: true
  client:
    image: busybox
    command: sh -c 'wget -qO- http://web/; exec sleep 100'
    depends_on: {web: {condition: service_healthy}}
    volumes: ["data:/data"]
volumes: {data: {}}
END
      docker-compose up -d >log 2>&1; echo status $?
      until_it 'docker-compose logs client | grep page'
      docker-compose logs --no-color client | grep -o page
      docker-compose exec -T web hostname | wc -c
      docker-compose ps -q | wc -l
      docker-compose stop -t 1 >log 2>&1; echo status $?
      docker-compose down -v -t 1 >log 2>&1; echo status $?`,
    says: `
status 0
page
13
2
status 0
status 0`,
    skip: without("docker-compose"),
  },
];
