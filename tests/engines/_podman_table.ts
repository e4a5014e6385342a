/**
 * podman: the same scenarios for root and for an ordinary user, with some
 * exceptions.
 */

import type { Scenario } from "./_scenario.ts";

/** Scenarios that an ordinary user can run as well. */
export const PODMAN: readonly Scenario[] = [
  {
    name: "run prints the command's output and returns its status",
    script: `
      podman run --rm busybox echo hello
      status podman run --rm busybox sh -c 'echo oops >&2; exit 7'
      echo typed | podman run --rm -i busybox cat
      saying 'executable file.*not found in $PATH' podman run --rm busybox nope
      saying 'no such file or directory' podman run --rm busybox /nope
      saying 'permission denied' podman run --rm busybox /etc/passwd`,
    says: `
hello
oops
status 7
typed
status 127
executable file.*not found in $PATH
status 127
no such file or directory
status 126
permission denied`,
  },
  {
    // It stays for a while, since the last output is sometimes lost, with runc
    // too.
    name: "terminals of run and exec",
    script: `
      on_terminal podman run --rm -it busybox sh -c "'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done; sleep 0.5'"
      podman run -dt --name c1 busybox sleep 100
      on_terminal podman exec -it c1 sh -c "'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done; sleep 0.5'"`,
    says: `
/dev/pts/0
33 77
ID
/dev/pts/1
33 77`,
  },
  {
    name: "exec as a user, with an environment, in a directory",
    script: `
      podman run -d --name c1 -e ONE=1 busybox sleep 100
      podman exec c1 echo hello
      status podman exec c1 sh -c 'exit 9'
      echo typed | podman exec -i c1 cat
      podman exec -u 12:34 c1 id
      podman exec -w /tmp c1 pwd
      podman exec -e TWO=2 c1 sh -c 'echo $ONE $TWO'
      saying 'executable file.*not found in $PATH' podman exec c1 nope
      saying 'permission denied' podman exec c1 /etc/passwd
      podman exec -d c1 sh -c 'echo made >/tmp/made; exec sleep 100' | tr -d '0-9a-f'
      until_it podman exec c1 cat /tmp/made
      podman exec c1 sh -c 'cat /tmp/made; pidof sleep | wc -w'`,
    says: `
ID
hello
status 9
typed
uid=12 gid=34
/tmp
1 2
status 127
executable file.*not found in $PATH
status 126
permission denied

made
2`,
  },
  {
    name: "logs, wait, stop, kill, start, restart",
    script: `
      podman run -d --name c1 busybox sh -c 'trap "echo bye; exit 5" TERM; echo up; echo err >&2; while :; do sleep 0.1; done'
      until_it 'podman logs c1 2>&1 | grep up'
      podman stop c1; podman wait c1
      podman logs c1 2>/dev/null
      podman start c1; podman inspect -f '{{.State.Status}}' c1
      podman restart -t 0 c1; podman inspect -f '{{.State.Status}}' c1
      podman kill -s 9 c1; podman wait c1
      saying 'can only kill running' podman kill c1
      podman rm c1`,
    says: `
ID
c1
5
up
bye
c1
running
c1
running
c1
137
status 125
can only kill running
c1`,
  },
  {
    name: "top, inspect, cp, diff and commit",
    script: `
      podman run -d --name c1 busybox sh -c 'sleep 100 & sleep 101 & wait'
      podman top c1 args | tail -n +2 | sort
      echo from outside >file; podman cp file c1:/tmp/file; podman exec c1 cat /tmp/file
      podman exec c1 sh -c 'echo from inside >/made'; podman cp c1:/made made; cat made
      podman diff c1 | grep -e made -e tmp
      podman commit -q c1 image; podman run --rm image cat /made; podman rmi -f image >/dev/null`,
    says: `
ID
sh -c sleep 100 & sleep 101 & wait
sleep 100
sleep 101
from outside
from inside
A /made
C /tmp
A /tmp/file
ID
from inside`,
  },
  {
    name: "attach, and open files of the container",
    script: `
      podman run -d --name c1 -i busybox sh -c 'read line; echo got $line; exit 6'
      echo word | podman attach c1 | grep got
      podman wait c1
      echo from a file >file; exec 3<file
      podman run --rm --preserve-fds 1 busybox sh -c 'cat <&3; ls /proc/self/fd | wc -l'
      podman run -d --name c2 busybox sleep 100
      exec 3<file; podman exec --preserve-fds 1 c2 sh -c 'cat <&3'`,
    says: `
ID
got word
6
from a file
5
ID
from a file`,
  },
  {
    name: "no separate cgroup",
    script: `
      podman run --rm --cgroups disabled busybox echo ran; echo status $?`,
    says: /^Error: .*\nstatus 125$/s,
    ours: {
      says: "ran\nstatus 0",
      why: "podman asks for it of runtimes that have --cgroup-manager disabled",
    },
  },
  {
    name: "restart policies and health checks",
    script: `
      podman run -d --name c1 --restart on-failure:2 busybox sh -c 'echo run; exit 3'
      until_it 'test $(podman logs c1 | grep -c run) = 3'
      podman logs c1; podman wait c1
      podman run -d --name c2 --health-cmd 'test -e /well' --health-interval disable busybox sleep 100
      status podman healthcheck run c2
      podman exec c2 touch /well
      status podman healthcheck run c2`,
    says: `
ID
run
run
run
3
ID
unhealthy
status 1
status 0`,
  },
  {
    name: "capabilities, users, seccomp and no_new_privs",
    script: `
      caps() { podman run --rm "$@" busybox grep -e CapEff -e CapBnd /proc/self/status | tr -s '\\t\\n' '  '; echo; }
      caps
      caps --cap-drop all --cap-add net_admin
      caps --user 1000
      podman run --rm --user nobody --group-add 77 busybox id
      podman run --rm busybox sh -c 'grep -e Seccomp: -e NoNew /proc/self/status'
      podman run --rm --security-opt seccomp=unconfined --security-opt no-new-privileges busybox sh -c 'grep -e Seccomp: -e NoNew /proc/self/status'`,
    says: `
CapEff: 00000000a80425fb CapBnd: 00000000a80425fb
CapEff: 0000000000001000 CapBnd: 0000000000001000
CapEff: 0000000000000000 CapBnd: 00000000a80425fb
uid=65534(nobody) gid=65534(nogroup) groups=77,65534(nogroup)
NoNewPrivs:	0
Seccomp:	2
NoNewPrivs:	1
Seccomp:	0`,
  },
  {
    name: "read-only root, tmpfs, volumes and binds",
    script: `
      podman run --rm --read-only busybox sh -c 'exec 2>&1; touch /file; touch /tmp/file && echo ok'
      podman run --rm --tmpfs /run:size=1m busybox sh -c 'df -k /run | tail -1 | tr -s " " | cut -d" " -f2'
      mkdir v; echo here >v/file
      podman run --rm -v $PWD/v:/v busybox sh -c 'cat /v/file; echo there >/v/made'; cat v/made
      podman run --rm -v $PWD/v:/v:ro busybox touch /v/file
      podman run --rm -v named:/v busybox sh -c 'echo kept >/v/file'
      podman run --rm -v named:/w busybox cat /w/file
      podman run --rm --shm-size 8m --ulimit nofile=123:456 --ulimit nproc=4096:4096 -h name busybox sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; ulimit -Sn; hostname'`,
    says: `
touch: /file: Read-only file system
ok
1024
here
there
touch: /v/file: Read-only file system
kept
8192
123
name`,
  },
  {
    name: "namespaces of the host and of other containers",
    script: `
      same() { if test "$(readlink /proc/self/ns/$1)" = "$2"; then echo host; else echo own; fi; }
      for name in pid uts; do
        same $name $(podman run --rm --$name host busybox readlink /proc/self/ns/$name)
        same $name $(podman run --rm busybox readlink /proc/self/ns/$name)
      done
      podman run -d --name c1 --ipc shareable busybox sh -c 'echo shared >/dev/shm/file; exec sleep 4321'
      podman run --rm --pid container:c1 busybox ps -o args | grep 4321
      podman run --rm --ipc container:c1 busybox cat /dev/shm/file
      podman run --rm --net container:c1 busybox ls /sys/class/net | head -1
      podman run --rm --net none busybox ls /sys/class/net
      podman run --rm --net host busybox sh -c 'ls /sys/class/net | grep -x lo'
      podman run --rm --init busybox ps -o comm | sort`,
    says:
      /^host\nown\nhost\nown\nID\nsleep 4321\nshared\n(eth0|lo|tap0)\nlo\nlo\n/,
  },
  {
    name: "user namespaces",
    script: `
      podman run --rm --uidmap 0:1000:5000 --gidmap 0:1000:5000 busybox sh -c 'tr -s " " </proc/self/uid_map | cut -d" " -f2,4; id -u'`,
    says: "0 5000\n0",
  },
  {
    name: "pods",
    script: `
      podman pod create --name pod >/dev/null
      podman run -d --pod pod --name web busybox sh -c 'mkdir /www; echo page >/www/index.html; httpd -f -h /www'
      until_it podman exec web wget -qO- http://127.0.0.1/
      podman run --rm --pod pod busybox wget -qO- http://127.0.0.1/
      podman pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'
      status podman pod stop -t 0 pod >/dev/null
      podman pod start pod >/dev/null; podman inspect -f '{{.State.Status}}' web
      status podman pod rm -f -t 0 pod >/dev/null`,
    says: "ID\npage\npod Running 2\nrunning",
  },
  {
    name: "play kube and generate kube",
    script: `
      cat >pod.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: kube}
spec:
  containers:
  - name: web
    image: localhost/busybox:latest
    command: [/bin/sh, -c, "echo $NAME; /bin/mkdir /www; echo page >/www/index.html; exec /bin/httpd -f -h /www"]
    env: [{name: NAME, value: value}]
    securityContext: {capabilities: {drop: [NET_RAW]}}
END
      podman play kube --network none pod.yaml >/dev/null; echo status $?
      until_it 'podman logs kube-web | grep value'; podman logs kube-web
      until_it podman exec kube-web /bin/wget -qO- http://127.0.0.1/
      podman generate kube kube 2>/dev/null | grep -e 'image: ' -e '^kind'
      podman play kube --down pod.yaml >/dev/null; echo status $?
      podman ps -aq | wc -l`,
    says: `
status 0
value
kind: Pod
    image: localhost/busybox:latest
status 0
0`,
  },
  {
    name: "a container's config.json as podman made it runs by itself",
    script: `
      podman create --name c1 --net none busybox sh -c 'echo from a bundle' >/dev/null
      podman init c1
      podman inspect -f '{{.State.Status}}' c1
      podman start -a c1`,
    says: "c1\ninitialized\nfrom a bundle",
  },
  {
    name: "build",
    script: `
      mkdir b; cat >b/Dockerfile <<'END'
FROM localhost/busybox
ENV NAME=value
RUN echo $NAME >/made && id -u >>/made
USER 12:34
WORKDIR /tmp
CMD ["sh", "-c", "cat /made; id -g"]
END
      podman build -q --network none --runtime $RUNTIME -t built b >/dev/null; echo status $?
      podman run --rm built; podman rmi -f built >/dev/null`,
    says: "status 0\nvalue\n0\n34",
  },
];

/** Scenarios for an ordinary user only. */
export const ROOTLESS: readonly Scenario[] = [
  {
    name: "the user's own id inside",
    script: `
      podman run --rm --userns keep-id busybox sh -c 'id -u; touch /tmp/file && stat -c %u /tmp/file'`,
    says: "64321\n64321",
  },
];

/** Scenarios that need root's rights: limits and a bridge. */
export const ROOTFUL: readonly Scenario[] = [
  {
    name: "limits, update, pause and stats",
    script: `
      podman run -d --name c1 -m 64m --pids-limit 33 --cpu-shares 300 --cpuset-cpus 1 --cpus 0.5 busybox sh -c 'while :; do date +%s%N >/now; sleep 0.05; done'
      cgroup() { cat /sys/fs/cgroup/$1/libpod_parent/libpod-$(podman inspect -f '{{.ID}}' c1)/$2; }
      cgroup memory memory.limit_in_bytes; cgroup pids pids.max; cgroup cpu cpu.shares; cgroup cpuset cpuset.cpus; cgroup cpu cpu.cfs_quota_us
      podman update --cpu-shares 512 -m 32m c1
      cgroup memory memory.limit_in_bytes; cgroup cpu cpu.shares
      podman pause c1; podman inspect -f '{{.State.Status}}' c1
      podman unpause c1; podman inspect -f '{{.State.Status}}' c1
      podman stats --no-stream --format '{{.Name}} {{.MemUsage}}' c1 | sed -E 's/[0-9.]+(MB|kB|GB)/N/g'`,
    says: `
ID
67108864
33
300
1
50000
ID
33554432
512
c1
paused
c1
running
c1 N / N`,
  },
  {
    name: "a bridge and a published port",
    script: `
      podman run -d --name web -p 127.0.0.1:8099:80 busybox sh -c 'mkdir /www; echo page >/www/index.html; httpd -f -h /www'
      until_it podman exec web wget -qO- http://127.0.0.1/
      podman run --rm busybox sh -c 'ls /sys/class/net; ip route | cut -d" " -f1-2 | head -1'
      podman run --rm busybox wget -qO- http://$(podman inspect -f '{{.NetworkSettings.IPAddress}}' web)/`,
    says: "ID\neth0\nlo\ndefault via\npage",
  },
  {
    name: "devices and oom",
    script: `
      podman run --rm --device /dev/fuse busybox sh -c ': </dev/fuse && echo opened'
      podman run --rm busybox sh -c 'mknod /tmp/fuse c 10 229; : </tmp/fuse' 2>&1 | grep -o 'not permitted'
      podman run --name c1 -m 16m --memory-swap 16m busybox tail /dev/zero
      podman inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c1`,
    says: /^opened\nnot permitted\n/,
  },
];
