/** docker: limits, rights, namespaces, mounts and networks. */

import type { Scenario } from "./_scenario.ts";

/** Why no user of this machine has every capability, or null. */
function notAllPowerful(): string | null {
  const bounding = Deno.readTextFileSync("/proc/self/status")
    .match(/^CapBnd:\s*(\w+)/m)![1]!;
  const last = Deno.readTextFileSync("/proc/sys/kernel/cap_last_cap");
  return BigInt(`0x${bounding}`) === (2n << BigInt(last)) - 1n
    ? null
    : `the capabilities here are ${bounding} at most, and runc refuses`;
}

/** The scenarios. */
export const ISOLATION: readonly Scenario[] = [
  {
    name: "limits of memory, processors and processes",
    script: `
      docker run --rm -m 32m --memory-swap 48m --memory-reservation 16m --cpus 0.5 --cpu-shares 300 --cpuset-cpus 1 --pids-limit 33 busybox \\
        sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max'
      status docker run --rm --pids-limit 3 busybox sh -c 'sleep 1 & sleep 1 & sleep 1 & wait' | grep -e fork -e status
      docker run --name c1 -m 16m --memory-swap 16m busybox sh -c 'tail /dev/zero'
      docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c1`,
    says: `
33554432
16777216
50000
300
1
33
sh: can't fork: Resource temporarily unavailable
status 2
true 137`,
  },
  {
    name: "capabilities",
    script: `
      caps() { docker run --rm "$@" busybox grep -e CapEff -e CapBnd /proc/self/status | tr -s '\\t\\n' '  '; echo; }
      caps
      caps --cap-drop all
      caps --cap-drop all --cap-add net_admin
      caps --cap-add sys_time
      caps --user 1000
      caps --user 1000 --cap-add net_admin`,
    says: `
CapEff: 00000000a80425fb CapBnd: 00000000a80425fb
CapEff: 0000000000000000 CapBnd: 0000000000000000
CapEff: 0000000000001000 CapBnd: 0000000000001000
CapEff: 00000000aa0425fb CapBnd: 00000000aa0425fb
CapEff: 0000000000000000 CapBnd: 00000000a80425fb
CapEff: 0000000000000000 CapBnd: 00000000a80435fb`,
  },
  {
    name: "read-only root, tmpfs and volumes",
    script: `
      docker run --rm --read-only --tmpfs /run:size=1m,mode=1777 busybox sh -c 'exec 2>&1; touch /file; touch /run/file && df -k /run | tail -1 | tr -s " " | cut -d" " -f2'
      mkdir v; echo here >v/file
      docker run --rm -v "$PWD/v:/v" busybox sh -c 'cat /v/file; echo there >/v/made'
      cat v/made
      docker run --rm -v "$PWD/v:/v:ro" busybox sh -c 'touch /v/file'
      docker volume create named
      docker run --rm -v named:/v busybox sh -c 'echo kept >/v/file'
      docker run --rm -v named:/w busybox cat /w/file
      docker run --rm --mount type=tmpfs,target=/t,tmpfs-size=64k busybox sh -c 'dd if=/dev/zero of=/t/f bs=1k count=100 2>&1 | grep -o "No space.*"'`,
    says: `
touch: /file: Read-only file system
1024
here
there
touch: /v/file: Read-only file system
named
kept
No space left on device`,
  },
  {
    name: "users and groups",
    script: `
      docker run --rm --user 12:34 busybox id
      docker run --rm --user nobody --group-add 77 --group-add 88 busybox id
      docker run --rm --user 1234 busybox sh -c 'exec 2>&1; id -u; touch /file; touch /tmp/file && echo ok'
      saying 'unable to find user nope' docker run --rm --user nope busybox true`,
    says: `
uid=12 gid=34 groups=34
uid=65534(nobody) gid=65534(nogroup) groups=77,88,65534(nogroup)
1234
touch: /file: Permission denied
ok
status 125
unable to find user nope`,
  },
  {
    name: "ulimits, sysctls, shm and the score of OOM",
    script: `
      docker run --rm --ulimit nofile=123:456 --ulimit core=0 busybox sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
      docker run --rm --sysctl net.ipv4.ip_unprivileged_port_start=99 --sysctl kernel.shmmax=12345 busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmax
      docker run --rm --shm-size 8m busybox sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
      docker run --rm --oom-score-adj 321 busybox cat /proc/self/oom_score_adj`,
    says: "123\n456\n0\n99\n12345\n8192\n321",
  },
  {
    name: "devices",
    script: `
      docker run --rm --device /dev/fuse busybox sh -c 'ls -l /dev/fuse | cut -c1-10; : </dev/fuse && echo opened'
      docker run --rm --device /dev/fuse:/dev/other:r busybox sh -c 'exec 2>&1; : </dev/other && echo opened; : >/dev/other'
      docker run --rm busybox sh -c 'mknod /tmp/fuse c 10 229; : </tmp/fuse'
      docker run --rm --device-cgroup-rule 'c 10:229 rwm' busybox sh -c 'mknod /tmp/fuse c 10 229; : </tmp/fuse && echo opened'`,
    says: `
crw-------
opened
opened
sh: can't create /dev/other: Operation not permitted
sh: can't open /tmp/fuse: Operation not permitted
opened`,
  },
  {
    name: "privileged",
    script: `
      docker run --rm --privileged busybox sh -c 'mount -t tmpfs tmpfs /mnt && echo mounted; grep -e Seccomp: -e NoNewPrivs /proc/self/status; touch /proc/sys/kernel/hostname && echo writable; test -e /dev/kmsg && echo devices'
      docker run -d --name c1 --privileged busybox sleep 100
      docker exec c1 sh -c 'mount -t tmpfs tmpfs /mnt && echo mounted; grep Seccomp: /proc/self/status'`,
    skip: notAllPowerful(),
    says: `
mounted
NoNewPrivs:	0
Seccomp:	0
writable
devices
ID
mounted
Seccomp:	0`,
  },
  {
    name: "seccomp and no_new_privs",
    script: `
      docker run --rm busybox sh -c 'exec 2>&1; grep Seccomp: /proc/self/status; unshare -r true'
      docker run --rm --security-opt seccomp=unconfined busybox sh -c 'grep Seccomp: /proc/self/status; unshare -r true && echo unshared'
      echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}' >profile.json
      docker run --rm --security-opt seccomp=profile.json busybox mkdir /d
      docker run -d --name c1 --security-opt seccomp=profile.json --security-opt no-new-privileges busybox sleep 100
      docker exec c1 sh -c 'exec 2>&1; mkdir /d; grep NoNewPrivs /proc/self/status'`,
    says: `
Seccomp:	2
unshare: unshare(0x10000000): Operation not permitted
Seccomp:	0
unshared
mkdir: can't create directory '/d': Function not implemented
ID
mkdir: can't create directory '/d': Function not implemented
NoNewPrivs:	1`,
  },
  {
    name: "--init reaps and forwards signals",
    script: `
      docker run --rm --init busybox ps -o comm | sort
      docker run -d --name c1 --init busybox sleep 100
      docker stop -t 20 c1 >/dev/null; docker wait c1`,
    says: `
COMMAND
docker-init
ps
ID
143`,
  },
  {
    name: "the host's and other containers' namespaces",
    script: `
      same() { if test "$(readlink /proc/self/ns/$1)" = "$2"; then echo host; else echo own; fi; }
      for name in pid ipc uts; do
        same $name $(docker run --rm --$name host busybox readlink /proc/self/ns/$name)
        same $name $(docker run --rm busybox readlink /proc/self/ns/$name)
      done
      docker run -d --name c1 --ipc shareable busybox sh -c 'echo shared >/dev/shm/file; exec sleep 4321'
      docker run --rm --pid container:c1 busybox ps -o comm,args | grep 4321
      docker run --rm --ipc container:c1 busybox cat /dev/shm/file
      docker run --rm --net container:c1 --pid container:c1 busybox sh -c 'test $(readlink /proc/1/ns/net) = $(readlink /proc/self/ns/net) && echo same network'
      docker run --rm --uts host busybox hostname >name; test $(cat name) = $(hostname) && echo hostname
      docker run --rm -h name --domainname domain busybox sh -c 'hostname; cat /proc/sys/kernel/domainname'`,
    says: `
host
own
host
own
host
own
ID
sleep            sleep 4321
shared
same network
hostname
name
domain`,
  },
  {
    name: "networks: none, host, bridge and a new one",
    script: `
      docker run --rm --net none busybox sh -c 'ls /sys/class/net'
      docker run --rm --net host busybox sh -c 'ls /sys/class/net | grep docker0'
      docker run --rm busybox sh -c 'ls /sys/class/net; ip route | cut -d" " -f1-3 | head -1; cat /etc/resolv.conf | wc -l | grep -c .'
      docker network create --subnet 10.99.0.0/24 own >/dev/null
      docker run -d --name web --net own busybox sh -c 'mkdir /www; echo page >/www/index.html; httpd -f -h /www'
      docker run --rm --net own busybox sh -c 'wget -qO- http://web/'
      docker run --rm --net own --ip 10.99.0.77 busybox sh -c 'ip addr show eth0 | grep -o 10.99.0.77'
      docker run -d --name two busybox sleep 100
      docker network connect own two
      docker exec two ls /sys/class/net | tr '\\n' ' '`,
    says: `
lo
docker0
eth0
lo
default via 172.17.0.1
1
ID
page
10.99.0.77
ID
eth0 eth1 lo`,
  },
  {
    name: "a published port",
    script: `
      docker run -d --name web -p 127.0.0.1:8099:80 busybox sh -c 'mkdir /www; echo page >/www/index.html; httpd -f -h /www'
      until_it docker exec web wget -qO- http://127.0.0.1/
      docker port web
      docker run --rm --net host busybox wget -qO- http://127.0.0.1:8099/`,
    says: "ID\n80/tcp -> 127.0.0.1:8099\npage",
  },
  {
    name: "hidden paths of /proc and /sys",
    script: `
      docker run --rm busybox sh -c 'exec 2>&1; wc -c </proc/keys; ls /proc/acpi /sys/firmware; touch /proc/sys/kernel/hostname; mount -t proc proc /proc'
      docker run --rm --security-opt systempaths=unconfined busybox sh -c 'head -c0 /proc/keys && touch /proc/sys/kernel/hostname && echo writable'
      docker run --rm busybox sh -c 'ls /proc/self/fd | wc -l; cat /proc/self/cgroup | grep -c docker; env | sort' | sed 's/HOSTNAME=.*/HOSTNAME/'`,
    says: /^0\n/,
  },
  {
    name: "cgroup namespaces and a cgroup parent",
    script: `
      docker run --rm --cgroupns private busybox grep :pids: /proc/self/cgroup
      docker run --rm --cgroupns host busybox sh -c 'grep -c ":pids:/container-test" /proc/self/cgroup'`,
    says: /./,
  },
];
