/** containerd: what ctr(8) can do with a container. */

import type { Scenario } from "./_scenario.ts";

/** The scenarios. */
export const CTR: readonly Scenario[] = [
  {
    name: "run prints the command's output and returns its status",
    script: `
      ctr run $RUNTIME --rm $IMAGE c1 echo hello
      status ctr run $RUNTIME --rm $IMAGE c1 sh -c 'echo oops >&2; exit 7'
      saying 'executable file not found in $PATH' ctr run $RUNTIME --rm $IMAGE c1 nope`,
    says: `
hello
oops
status 7
status 1
executable file not found in $PATH`,
  },
  {
    name: "a task: exec, list, signal and delete",
    script: `
      ctr run $RUNTIME -d $IMAGE c1 sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
      ctr task ls | awk '{print $1, $3}'
      ctr task exec --exec-id e1 c1 sh -c 'hostname >/dev/null; tty; id -u'
      ctr task exec --exec-id e2 --cwd /tmp --user 12:34 c1 sh -c 'pwd; id'
      status ctr task exec --exec-id e3 c1 sh -c 'exit 9'
      saying 'executable file not found in $PATH' ctr task exec --exec-id e4 c1 nope
      ctr task ps c1 | wc -l | awk '{print ($1 >= 2)}'
      ctr task kill -s TERM c1
      until_it 'ctr task ls | grep STOPPED'
      ctr task rm c1 2>&1 | grep -o 'exit code .*[0-9]'
      ctr container rm c1`,
    says: `
TASK STATUS
c1 RUNNING
not a tty
0
/tmp
uid=12 gid=34 groups=34
status 9
status 1
executable file not found in $PATH
1
exit code 3`,
  },
  {
    name: "terminals",
    script: `
      on_terminal ctr run $RUNTIME -t --rm $IMAGE c1 sh -c "'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done'"
      ctr run $RUNTIME -d $IMAGE c1 sleep 100
      on_terminal ctr task exec -t --exec-id e1 c1 sh -c "'tty; until stty size 2>/dev/null | grep .; do sleep 0.1; done'"`,
    says: `
/dev/pts/0
33 77
/dev/pts/0
33 77`,
  },
  {
    name: "a task: attach, and kill of an exec process",
    script: `
      ctr run $RUNTIME -d --pid-file pid $IMAGE c1 sh -c 'trap "exit 4" USR1; while :; do sleep 0.1; done'
      ctr task ls | awk '{print $1, $3}'
      test -d /proc/$(cat pid) && echo there
      (sleep 0.5; ctr task kill -s USR1 c1) & status timeout 20 ctr task attach c1; wait
      ctr task rm c1 >/dev/null 2>&1; ctr container rm c1
      ctr run $RUNTIME -d $IMAGE c2 sh -c 'trap "exit 5" TERM; sleep 1000 & wait'
      (sleep 1; ctr task kill -s KILL --exec-id e1 c2) & status timeout 20 ctr task exec --exec-id e1 c2 sleep 1000; wait
      ctr task ls | awk '$1 == "c2" {print $1, $3}'
      ctr task kill --all -s KILL c2; until_it 'ctr task ls | grep STOPPED'`,
    says: `
TASK STATUS
c1 RUNNING
there
status 4
status 137
c2 RUNNING`,
  },
  {
    name: "a working directory that the image lacks",
    script: `
      ctr run $RUNTIME --rm --cwd /new/place $IMAGE c1 sh -c 'pwd; stat -c %a .'
      saying 'no such file or directory' ctr run $RUNTIME --rm --cwd /proc/nope $IMAGE c1 true`,
    says: `
/new/place
755
status 1
no such file or directory`,
  },
  {
    name: "pause and resume",
    script: `
      ctr run $RUNTIME -d $IMAGE c1 sleep 100
      ctr task pause c1; ctr task ls | awk '{print $1, $3}'
      ctr task resume c1; ctr task ls | awk '{print $1, $3}'`,
    says: "TASK STATUS\nc1 PAUSED\nTASK STATUS\nc1 RUNNING",
  },
  {
    name: "metrics",
    script: `
      ctr run $RUNTIME -d --memory-limit 33554432 $IMAGE c1 sleep 100
      ctr task metrics c1 | awk '$1 ~ /memory.limit|pids.current/ {print $1, $2}'`,
    says: `
memory.limit_in_bytes 33554432
pids.current 1`,
  },
  {
    name: "limits, capabilities, mounts and an environment",
    script: `
      mkdir v; echo here >v/file
      ctr run $RUNTIME --memory-limit 33554432 --cpus 0.5 --detach $IMAGE c1 sleep 100; cat /sys/fs/cgroup/memory/$CONTAINERD_NAMESPACE/c1/memory.limit_in_bytes /sys/fs/cgroup/cpu/$CONTAINERD_NAMESPACE/c1/cpu.cfs_quota_us
      ctr run $RUNTIME --rm --cap-add CAP_NET_ADMIN --cap-drop CAP_CHOWN $IMAGE c2 grep CapEff /proc/self/status
      ctr run $RUNTIME --rm --read-only --mount type=bind,src=$PWD/v,dst=/mnt,options=rbind:ro $IMAGE c2 sh -c 'exec 2>&1; cat /mnt/file; touch /mnt/file; touch /file'
      ctr run $RUNTIME --rm --env ONE=1 --cwd /tmp $IMAGE c2 sh -c 'echo $ONE; pwd'
      ctr run $RUNTIME --rm --seccomp $IMAGE c2 sh -c 'grep Seccomp: /proc/self/status'
      ctr run $RUNTIME --rm --net-host $IMAGE c2 sh -c 'test -e /sys/class/net/lo && echo net'
      ctr run $RUNTIME --rm --device /dev/fuse $IMAGE c2 sh -c ': </dev/fuse && echo opened'
      ctr run $RUNTIME --rm --no-pivot $IMAGE c2 echo no pivot`,
    says: `
33554432
50000
CapEff:	00000000a80435fa
here
touch: /mnt/file: Read-only file system
touch: /file: Read-only file system
1
/tmp
Seccomp:	2
net
opened
no pivot`,
  },
  {
    name: "a root filesystem instead of an image",
    script: `
      ctr run $RUNTIME --rm --rootfs $ROOTFS c1 /bin/echo from a directory`,
    says: "from a directory",
  },
];
