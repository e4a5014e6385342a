/** docker: how containers start, run and end. */

import type { Scenario } from "./_scenario.ts";

/** The scenarios. */
export const LIFE: readonly Scenario[] = [
  {
    name: "run prints the command's output and returns its status",
    script: `
      docker run --rm busybox echo hello
      status docker run --rm busybox sh -c 'echo oops >&2; exit 7'
      status docker run --rm busybox sh -c 'kill -KILL $$'
      echo typed | docker run --rm -i busybox cat`,
    says: `
hello
oops
status 7
status 0
typed`,
  },
  {
    name: "run of a missing command, and of a file that is not a program",
    script: `
      saying 'executable file not found in $PATH' docker run --rm busybox nope
      saying 'no such file or directory' docker run --rm busybox /nope
      saying 'permission denied' docker run --rm busybox /etc/passwd
      saying 'permission denied' docker run --rm busybox /etc
      saying 'no such file or directory' docker run --rm -w /proc/nope busybox true`,
    says: `
status 127
executable file not found in $PATH
status 127
no such file or directory
status 126
permission denied
status 126
permission denied
status 127
no such file or directory`,
  },
  {
    name: "run -it has a new terminal with the size of the outer one",
    script: `
      on_terminal docker run --rm -it busybox sh -c "'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done; test -t 2 && echo 2'"
      printf 'echo $((6*7))\\nexit 4\\n' | on_terminal 'docker run --rm -it busybox sh; echo status $?' |
        grep -e '^42' -e '^status'`,
    says: `
/dev/pts/0
33 77
2
42
status 4`,
  },
  {
    name: "run -t without input, and run -it ended from outside",
    script: `
      docker run --rm -t busybox sh -c 'tty; echo done' | tr -d '\\r'
      docker run -dit --name c1 busybox sh
      docker exec c1 sh -c 'readlink /proc/1/fd/0; ls -l /dev/console | cut -c1'
      status docker stop -t 1 c1
      docker wait c1`,
    says: /^\/dev\/pts\/0\ndone\nID\n\/dev\/pts\/0\nc\nc1\nstatus 0\n137$/,
  },
  {
    name: "exec as a user, with an environment, in a directory",
    script: `
      docker run -d --name c1 -e ONE=1 busybox sleep 100
      docker exec c1 echo hello
      status docker exec c1 sh -c 'exit 9'
      echo typed | docker exec -i c1 cat
      docker exec -u 12:34 c1 id
      docker exec -u nobody c1 id -u
      docker exec -w /tmp c1 pwd
      docker exec -e TWO=2 c1 sh -c 'echo $ONE $TWO'
      docker exec c1 sh -c 'hostname | wc -c; set -- /proc/[0-9]*; echo $#'`,
    says: `
ID
hello
status 9
typed
uid=12 gid=34 groups=34
65534
/tmp
1 2
13
2`,
  },
  {
    name: "exec of a missing command, user or container",
    script: `
      docker run -d --name c1 busybox sleep 100
      saying 'executable file not found in $PATH' docker exec c1 nope
      saying 'no such file or directory' docker exec c1 /nope
      saying 'permission denied' docker exec c1 /etc/passwd
      saying 'no such file or directory' docker exec -w /nope c1 true
      saying 'unable to find user nope' docker exec -u nope c1 true
      docker stop -t 0 c1
      saying 'is not running' docker exec c1 true`,
    says: `
ID
status 126
executable file not found in $PATH
status 126
no such file or directory
status 126
permission denied
status 126
no such file or directory
status 126
unable to find user nope
c1
status 1
is not running`,
  },
  {
    name: "exec -it has a terminal, and exec -d runs on by itself",
    script: `
      docker run -d --name c1 busybox sleep 100
      on_terminal docker exec -it c1 sh -c "'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done'"
      docker exec -d c1 sh -c 'sleep 0.2; echo made >/tmp/made; exec sleep 100'
      until_it docker exec c1 cat /tmp/made
      docker exec c1 sh -c 'cat /tmp/made; pidof sleep | wc -w'
      docker exec c1 sh -c 'grep CapEff /proc/self/status'`,
    says: `
ID
/dev/pts/0
33 77
made
2
CapEff:	00000000a80425fb`,
  },
  {
    name: "logs of both streams, also after the end",
    script: `
      docker run -d --name c1 busybox sh -c 'echo out; echo err >&2; sleep 0.2; echo late'
      docker wait c1
      docker logs c1 2>/dev/null
      docker logs --tail 1 c1
      docker logs c1 2>&1 >/dev/null
      docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}' c1`,
    says: `
ID
0
out
late
late
err
exited 0 0`,
  },
  {
    name: "logs -f until the container ends",
    script: `
      docker run -d --name c1 busybox sh -c 'for i in 1 2 3; do echo $i; sleep 0.1; done'
      docker logs -f c1`,
    says: "ID\n1\n2\n3",
  },
  {
    name: "stop is TERM, then KILL",
    script: `
      docker run -d --name c1 busybox sh -c 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.1; done'
      docker run -d --name c2 busybox sleep 100
      until_it 'docker logs c1 | grep up'
      docker stop c1; docker wait c1; docker logs c1
      docker stop -t 1 c2; docker wait c2
      docker start c2; docker inspect -f '{{.State.Running}}' c2
      docker restart -t 0 c2; docker inspect -f '{{.State.Running}}' c2`,
    says: `
ID
ID
c1
5
up
bye
c2
137
c2
true
c2
true`,
  },
  {
    name: "kill by name and by number, and of a stopped container",
    script: `
      docker run -d --name c1 busybox sh -c 'trap "echo usr1" USR1; echo up; while :; do sleep 0.1; done'
      until_it 'docker logs c1 | grep up'
      docker kill -s USR1 c1
      until_it 'docker logs c1 | grep usr1'
      docker logs c1
      docker kill -s 9 c1; docker wait c1
      saying 'is not running' docker kill c1
      docker rm c1
      saying 'no such container' docker kill c1`,
    says: `
ID
c1
up
usr1
c1
137
status 1
is not running
c1
status 1
no such container`,
  },
  {
    name: "pause and unpause",
    script: `
      docker run -d --name c1 busybox sh -c 'while :; do date +%s%N >/now; sleep 0.05; done'
      docker pause c1
      docker inspect -f '{{.State.Status}}' c1
      docker cp c1:/now now >log 2>&1; sleep 0.5; docker cp c1:/now later >log 2>&1
      cmp now later && echo still
      saying 'is paused' docker exec c1 true
      saying 'already paused' docker pause c1
      docker unpause c1
      docker inspect -f '{{.State.Status}}' c1
      sleep 0.3; docker cp c1:/now later >log 2>&1; cmp -s now later || echo moves
      docker pause c1; docker rm -f c1`,
    says: `
ID
c1
paused
still
status 1
is paused
status 1
already paused
c1
running
moves
c1
c1`,
  },
  {
    name: "top and stats",
    script: `
      docker run -d --name c1 --init busybox sh -c 'sleep 100 & sleep 101 & wait'
      until_it 'docker top c1 | grep -q "sleep 101"'
      docker top c1 -eo pid,comm | awk '{print $2}' | sort | uniq -c | tr -s ' '
      docker stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' c1 |
        sed -E 's/[0-9.]+(MiB|KiB|GiB|kB)/N/g'`,
    says: `
ID
 1 COMMAND
 1 docker-init
 1 sh
 2 sleep
c1 4 N / N`,
  },
  {
    name: "update of a running container",
    script: `
      docker run -d --name c1 -m 64m --pids-limit 20 busybox sleep 100
      docker update -m 32m --memory-swap 64m --cpu-shares 512 --cpus 0.5 --pids-limit 15 --cpuset-cpus 0 c1
      docker exec c1 sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us pids/pids.max; grep Cpus_allowed_list /proc/1/status'
      docker inspect -f '{{.HostConfig.Memory}}' c1`,
    says: `
ID
c1
33554432
512
50000
15
Cpus_allowed_list:	0
33554432`,
  },
  {
    name: "cp in both directions",
    script: `
      docker run -d --name c1 busybox sleep 100
      echo from outside >file
      docker cp file c1:/tmp/file >log 2>&1
      docker exec c1 cat /tmp/file
      docker exec c1 sh -c 'mkdir /d; echo from inside >/d/file'
      docker cp c1:/d . >log 2>&1
      cat d/file
      docker diff c1 | grep -v /run | sort`,
    says: `
ID
from outside
from inside
A /d
A /d/file
A /tmp/file
C /tmp`,
  },
  {
    name: "restart policies",
    script: `
      docker run -d --name c1 --restart on-failure:2 busybox sh -c 'echo run; exit 3'
      until_it 'test "$(docker inspect -f "{{.State.Status}}" c1)" = exited'
      docker logs c1
      docker inspect -f '{{.RestartCount}} {{.State.ExitCode}}' c1
      docker run -d --name c2 --restart always busybox sh -c 'echo run; sleep 0.3'
      until_it 'test $(docker inspect -f "{{.RestartCount}}" c2) -ge 2'
      docker rm -f c2`,
    says: `
ID
run
run
run
2 3
ID
c2`,
  },
  {
    name: "health checks",
    script: `
      docker run -d --name c1 --health-interval 200ms --health-retries 1 --health-cmd 'test -e /well' busybox sleep 100
      health() { docker inspect -f '{{.State.Health.Status}}' c1; }
      until_it 'test $(health) = unhealthy'; health
      docker exec c1 touch /well
      until_it 'test $(health) = healthy'; health`,
    says: "ID\nunhealthy\nhealthy",
  },
  {
    name: "attach, wait, rename, create and start",
    script: `
      docker create --name c1 -i busybox sh -c 'read line; echo got $line; exit 6'
      docker inspect -f '{{.State.Status}}' c1
      echo word | status docker start -ai c1
      docker rename c1 c2
      docker inspect -f '{{.Name}} {{.State.ExitCode}}' c2
      docker commit c2 made | cut -d: -f1
      docker run --rm made echo from made`,
    says: `
ID
created
got word
status 6
/c2 6
sha256
from made`,
  },
  {
    name: "ten at once",
    script: `
      for i in 1 2 3 4 5 6 7 8 9 10; do
        docker run --rm --net none busybox echo $i >out.$i & done
      wait
      cat out.* | sort -n | tr '\\n' ' '`,
    says: "1 2 3 4 5 6 7 8 9 10",
  },
  {
    name: "a container with processes that outlive its first",
    script: `
      docker run --rm busybox sh -c 'sleep 100 & echo first ends'
      docker run -d --name c1 --pid host busybox sh -c 'sleep 4321 & sleep 0.2'
      docker wait c1`,
    says: "first ends\nID\n0",
  },
];
