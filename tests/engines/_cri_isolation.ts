/** Kubernetes: the rights of a container, and what it sees of the node. */

import type { Scenario } from "./_scenario.ts";

/** The users and rights of a container. */
export const SECURITY: readonly Scenario[] = [
  {
    name: "users and groups",
    script: `
      pod=$(cri runp --security '{"run_as_user": {"value": 12}}')
      as() { cri try --security "$@"; }
      as '{}' $pod id
      as '{"run_as_user": {"value": 12}, "run_as_group": {"value": 34}, "supplemental_groups": [56, 78]}' $pod id
      as '{"run_as_user": {"value": 12}}' $pod grep -E 'CapEff|CapPrm' /proc/self/status
      as '{"run_as_username": "root"}' $pod id -u`,
    says: `
uid=0(root) gid=0(root) groups=0(root)
uid=12 gid=34 groups=34,56,78
CapPrm:	0000000000000000
CapEff:	0000000000000000
0`,
  },
  {
    name: "capabilities",
    script: `
      pod=$(cri runp)
      with() { cri try --security '{"capabilities": {'"$1"'}}' $pod grep -E 'CapInh|CapEff|CapBnd|CapAmb' /proc/self/status; }
      with ''
      with '"add_capabilities": ["NET_ADMIN"], "drop_capabilities": ["CHOWN"]'
      with '"drop_capabilities": ["ALL"]'
      with '"add_capabilities": ["NET_BIND_SERVICE"], "drop_capabilities": ["ALL"]'`,
    says: `
CapInh:	0000000000000000
CapEff:	00000000a80425fb
CapBnd:	00000000a80425fb
CapAmb:	0000000000000000
CapInh:	0000000000000000
CapEff:	00000000a80435fa
CapBnd:	00000000a80435fa
CapAmb:	0000000000000000
CapInh:	0000000000000000
CapEff:	0000000000000000
CapBnd:	0000000000000000
CapAmb:	0000000000000000
CapInh:	0000000000000000
CapEff:	0000000000000400
CapBnd:	0000000000000400
CapAmb:	0000000000000000`,
  },
  {
    name: "a privileged container",
    script: `
      pod=$(cri runp --security '{"privileged": true}')
      cri try --security '{"privileged": true}' $pod sh -c 'grep -E "CapEff|Seccomp:" /proc/self/status; ls /dev' >in
      grep CapEff /proc/self/status >out; head -1 in | diff - out && sed -n 2p in
      grep -c '^fuse$' in
      cri try --security '{"privileged": true}' $pod sh -c 'grep -E " /(sys|proc) " /proc/mounts | cut -d" " -f2,4 | cut -d, -f1; mkdir /tmp/m; mount -t tmpfs none /tmp/m && echo mounted; : </dev/fuse && echo opened'`,
    says: `
Seccomp:	0
1
/proc rw
/sys ro
mounted
opened`,
  },
  {
    name: "no new privileges, and seccomp",
    script: `
      pod=$(cri runp)
      with() { cri try --security "$1" $pod sh -c 'exec 2>&1; grep -E "NoNewPrivs|Seccomp:" /proc/self/status; chmod 600 /tmp; unshare -m true && echo unshared'; }
      echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO"}]}' >profile
      with '{"no_new_privs": true}'
      with '{"seccomp": {"profile_type": "RuntimeDefault"}, "capabilities": {"add_capabilities": ["SYS_ADMIN"]}}'
      with '{"seccomp": {"profile_type": "RuntimeDefault"}}'
      with '{"seccomp": {"profile_type": "Unconfined"}, "capabilities": {"add_capabilities": ["SYS_ADMIN"]}}'
      with '{"seccomp": {"profile_type": "Localhost", "localhost_ref": "'$PWD/profile'"}}'`,
    says: `
NoNewPrivs:	1
Seccomp:	0
unshare: unshare(0x20000): Operation not permitted
NoNewPrivs:	0
Seccomp:	2
unshared
NoNewPrivs:	0
Seccomp:	2
unshare: unshare(0x20000): Operation not permitted
NoNewPrivs:	0
Seccomp:	0
unshared
NoNewPrivs:	0
Seccomp:	2
chmod: /tmp: Operation not permitted
unshare: unshare(0x20000): Operation not permitted`,
  },
  {
    name: "masked and read-only paths",
    script: `
      pod=$(cri runp)
      cri try --security '{"readonly_rootfs": true}' $pod sh -c 'exec 2>&1; touch /file; touch /dev/shm/file && echo touched'
      cri try --security '{"masked_paths": ["/proc/uptime", "/proc/sys/net", "/proc/nope"], "readonly_paths": ["/proc/sys", "/proc/nope"]}' $pod sh -c 'exec 2>&1; cat /proc/uptime; ls /proc/sys/net; echo here >/proc/sys/kernel/hostname; hostname'
      cri try $pod sh -c 'wc -w </proc/uptime'`,
    says: `
touch: /file: Read-only file system
touched
sh: can't create /proc/sys/kernel/hostname: Read-only file system
pod1
2`,
  },
];

/** The node's resources that a container has. */
export const RESOURCES: readonly Scenario[] = [
  {
    name: "mounts",
    script: `
      mkdir v; echo here >v/file
      mounts() { echo '{"mounts": [{"host_path": "'$PWD/v'", "container_path": "/mnt"'"$1"'}]}'; }
      pod=$(cri runp --security '{"privileged": true}')
      cri try --config "$(mounts)" $pod sh -c 'cat /mnt/file; touch /mnt/made'
      ls v
      cri try --config "$(mounts ', "readonly": true')" $pod sh -c 'exec 2>&1; cat /mnt/file; touch /mnt/file'
      saying 'not a shared or slave mount' cri try --config "$(mounts ', "propagation": "PROPAGATION_HOST_TO_CONTAINER"')" $pod true
      mount --bind v v; mount --make-shared v; mkdir v/in v/out
      a=$(cri run --name a --config "$(mounts)" $pod sleep 1000)
      b=$(cri run --name b --config "$(mounts ', "propagation": "PROPAGATION_HOST_TO_CONTAINER"')" $pod sleep 1000)
      c=$(cri run --name c --security '{"privileged": true}' --config "$(mounts ', "propagation": "PROPAGATION_BIDIRECTIONAL"')" $pod sleep 1000)
      mount -t tmpfs in v/in; touch v/in/seen
      for one in $a $b $c; do cri exec $one sh -c 'ls /mnt/in | wc -l'; done
      cri exec $c sh -c 'mount -t tmpfs out /mnt/out; touch /mnt/out/seen'
      ls v/out
      cri stopp $pod
      umount v/in v/out v`,
    says: `
here
file
made
here
touch: /mnt/file: Read-only file system
status 1
not a shared or slave mount
0
1
1
seen`,
  },
  {
    name: "devices",
    script: `
      pod=$(cri runp)
      cri try $pod sh -c 'echo $(ls /dev)'
      cri try --config '{"devices": [{"host_path": "/dev/fuse", "container_path": "/dev/thing", "permissions": "r"}]}' $pod sh -c 'exec 2>&1; : </dev/thing && echo opened; : >/dev/thing'`,
    says: `
fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero
opened
sh: can't create /dev/thing: Operation not permitted`,
  },
  {
    name: "limits, and an update of a running container",
    script: `
      pod=$(cri runp)
      limit() { cat /sys/fs/cgroup/$1$CRI_CGROUP_PARENT/$c/$2; }
      limits() { limit memory memory.limit_in_bytes; limit cpu cpu.cfs_quota_us; limit cpu cpu.shares; limit cpuset cpuset.cpus; }
      c=$(cri run --resources '{"memory_limit_in_bytes": 33554432, "cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "cpuset_cpus": "0", "oom_score_adj": 900}' $pod sleep 1000)
      limits
      cri exec $c cat /proc/1/oom_score_adj
      cri update --resources '{"memory_limit_in_bytes": 67108864, "cpu_quota": 70000, "cpu_shares": 256, "cpuset_cpus": "0-1"}' $c
      limits
      cri stats $c | awk '{print $1, ($2 > 0)}'`,
    says: `
33554432
50000
512
0
900
67108864
70000
256
0-1
cpu 1
memory 1`,
  },
  {
    name: "out of memory",
    script: `
      pod=$(cri runp)
      c=$(cri run --resources '{"memory_limit_in_bytes": 16777216}' $pod sh -c 'x=$(head -c 50000000 /dev/zero | tr "\\0" x)')
      cri wait $c`,
    says: "CONTAINER_EXITED 137 OOMKilled",
  },
];
