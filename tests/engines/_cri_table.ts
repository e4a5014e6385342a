/** Kubernetes: its requests to containerd by the Container Runtime Interface. */

import { RESOURCES, SECURITY } from "./_cri_isolation.ts";
import type { Scenario } from "./_scenario.ts";

/** Pods and containers, from their beginning to their end. */
const LIFE: readonly Scenario[] = [
  {
    name: "the runtime is ready",
    script: "cri info",
    says: "RuntimeReady true\nNetworkReady true",
  },
  {
    name: "a pod with one container",
    script: `
      pod=$(cri runp)
      cri inspectp $pod
      c=$(cri create $pod sh -c 'echo hello; echo oops >&2; printf half; exit 7')
      cri inspect $c
      cri start $c
      cri wait $c
      cut -d' ' -f2- c1.log | sort
      cri ps
      cri pods
      cri rm $c
      cri stopp $pod
      cri inspectp $pod
      cri rmp $pod
      cri ps
      cri pods`,
    says: `
SANDBOX_READY 192.0.2.1
CONTAINER_CREATED
CONTAINER_EXITED 7 Error
stderr F oops
stdout F hello
stdout P half
c1 CONTAINER_EXITED
pod1 SANDBOX_READY
SANDBOX_NOTREADY`,
  },
  {
    name: "a missing command",
    script: `
      pod=$(cri runp)
      c=$(cri create $pod nope)
      saying 'exec: "nope": executable file not found in $PATH' cri start $c
      cri inspect $c | head -1
      c=$(cri create --name c2 $pod /nope)
      saying 'exec: "/nope": stat /nope: no such file or directory' cri start $c
      cri inspect $c | head -1
      c=$(cri create --name c3 $pod /etc)
      saying 'permission denied' cri start $c`,
    says: `
status 1
exec: "nope": executable file not found in $PATH
CONTAINER_EXITED 128 StartError
status 1
exec: "/nope": stat /nope: no such file or directory
CONTAINER_EXITED 128 StartError
status 1
permission denied`,
  },
  {
    name: "exec in a container",
    script: `
      pod=$(cri runp)
      c=$(cri run $pod sleep 1000)
      status cri exec $c sh -c 'echo out; echo err >&2; exit 9'
      cri exec $c sh -c 'echo out; echo err >&2' 2>/dev/null
      saying 'executable file not found in $PATH' cri exec $c nope
      saying 'timeout 1s exceeded' cri exec --timeout 1 $c sleep 2000
      cri exec $c pidof sleep
      cri exec $c sh -c 'grep Cap /proc/1/status >/tmp/1; grep Cap /proc/self/status | diff - /tmp/1 && echo same'`,
    says: `
out
err
status 9
out
status 1
executable file not found in $PATH
status 1
timeout 1s exceeded
1
same`,
  },
  {
    name: "stop sends a signal first, and kills after its timeout",
    script: `
      pod=$(cri runp)
      c=$(cri run $pod sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done')
      until_it "cri logs $c | grep ready"
      cri stop --timeout 10 $c
      cri inspect $c
      c=$(cri run --name c2 $pod sh -c 'trap "echo asked" TERM; echo ready; while :; do sleep 0.1; done')
      until_it "cri logs $c | grep ready"
      cri stop --timeout 1 $c
      cri inspect $c
      cri logs $c
      c=$(cri run --name c3 $pod sleep 1000)
      cri stop $c
      cri inspect $c
      c=$(cri run --name c4 $pod sleep 1000)
      cri stopp $pod
      cri inspect $c
      cri pods`,
    says: `
CONTAINER_EXITED 3 Error
CONTAINER_EXITED 137 Error
ready
asked
CONTAINER_EXITED 137 Error
CONTAINER_EXITED 137 Error
pod1 SANDBOX_NOTREADY`,
  },
  {
    name: "a rotated log, and the log of a terminal",
    script: `
      pod=$(cri runp)
      c=$(cri run $pod sh -c 'echo one; until [ -e /tmp/go ]; do sleep 0.1; done; echo two')
      until_it "cri logs $c | grep one"
      mv c1.log old
      cri reopen $c
      cri exec $c touch /tmp/go
      cri wait $c
      cut -d' ' -f4 old; cri logs $c
      cri try --name c2 --config '{"tty": true}' $pod tty`,
    says: `
CONTAINER_EXITED 0 Completed
one
two
/dev/pts/0`,
  },
  {
    name: "environment and working directory, also for exec",
    script: `
      pod=$(cri runp)
      c=$(cri run --security '{"run_as_user": {"value": 12}}' --config '{"envs": [{"key": "ONE", "value": "1 2"}], "working_dir": "/new/place"}' $pod sh -c 'echo $ONE; pwd; echo $HOSTNAME; sleep 1000')
      until_it "cri logs $c | grep pod1"
      cri logs $c
      cri exec $c sh -c 'echo $ONE; pwd; id -u'`,
    says: `
1 2
/new/place
pod1
1 2
/new/place
12`,
  },
  {
    name: "pods at once",
    script: `
      for n in 1 2 3 4; do
        (pod=$(cri runp --name p$n); cri try --name c$n $pod echo $n >out$n) &
      done
      wait; cat out?
      cri pods | sort`,
    says: `
1
2
3
4
p1 SANDBOX_READY
p2 SANDBOX_READY
p3 SANDBOX_READY
p4 SANDBOX_READY`,
  },
];

/** What the containers of a pod share, with each other and with the node. */
const NAMESPACES: readonly Scenario[] = [
  {
    name: "two containers share a pod's namespaces",
    script: `
      spaces() { cri exec $1 sh -c 'cd /proc/self/ns; for n in net ipc uts pid mnt; do readlink $n; done'; }
      pod=$(cri runp --config '{"hostname": "here", "dns_config": {"servers": ["192.0.2.53"], "searches": ["test"]}}')
      a=$(cri run --name a $pod sleep 1000)
      b=$(cri run --name b $pod sleep 1000)
      spaces $a >a; spaces $b >b; (cd /proc/self/ns; readlink net ipc uts pid mnt) >node
      sort a b | uniq -d | cut -d: -f1
      cat a b node | sort | uniq -u | cut -d: -f1 | sort
      cri exec $a sh -c 'hostname; cat /etc/resolv.conf; ls /sys/class/net; echo shared >/dev/shm/file'
      cri exec $b cat /dev/shm/file`,
    says: `
ipc
net
uts
ipc
mnt
mnt
mnt
net
pid
pid
pid
uts
here
search test
nameserver 192.0.2.53
lo
shared`,
  },
  {
    name: "processes of the pod, of another container, and of the node",
    script: `
      options() { echo "{\\"namespace_options\\": {$1}}"; }
      pod=$(cri runp)
      a=$(cri run --name a --security "$(options '"pid": "POD"')" $pod sleep 1001)
      b=$(cri run --name b --security "$(options '"pid": "POD"')" $pod sleep 1002)
      cri exec $a sh -c 'ps -o args | grep "^sleep"'
      c=$(cri run --name c --security "$(options '"pid": "CONTAINER"')" $pod sleep 1003)
      cri try --name d --security "$(options '"pid": "TARGET", "target_id": "'$c'"')" $pod sh -c 'ps -o args | grep "^sleep"'
      pod=$(cri runp --name pod2 --security "$(options '"pid": "NODE"')")
      cri try --security "$(options '"pid": "NODE"')" $pod readlink /proc/self/ns/pid |
        grep -cF $(readlink /proc/self/ns/pid)
      e=$(cri run --name e --security "$(options '"pid": "NODE"')" $pod sh -c 'sleep 1004 & wait')
      cri stop --timeout 1 $e
      pgrep -f 'sleep 1004$'`,
    says: `
sleep 1000000
sleep 1001
sleep 1002
sleep 1003
1`,
  },
  {
    name: "the node's network and IPC",
    script: `
      node='{"namespace_options": {"network": "NODE", "ipc": "NODE"}}'
      pod=$(cri runp --security "$node" --config '{"hostname": ""}')
      cri try --security "$node" $pod sh -c 'for n in net ipc uts; do readlink /proc/self/ns/$n; done' >a
      readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts | diff - a && echo same
      cri inspectp $pod`,
    says: "same\nSANDBOX_READY",
  },
  {
    name: "sysctls",
    script: `
      pod=$(cri runp --config '{"linux": {"cgroup_parent": "'$CRI_CGROUP_PARENT'", "sysctls": {"kernel.shm_rmid_forced": "1", "net.ipv4.ip_unprivileged_port_start": "80"}}}')
      cri try $pod cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start`,
    says: "1\n80",
  },
];

/** The scenarios. */
export const CRI: readonly Scenario[] = [
  ...LIFE,
  ...NAMESPACES,
  ...SECURITY,
  ...RESOURCES,
];
