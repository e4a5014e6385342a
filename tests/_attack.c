/*
 * Attempts of a process inside a container. Each subcommand prints one line for
 * each attempt: its name, and `ok` or the name of the error. tests/_attack.ts
 * compiles this into a copy of the root filesystem, and
 * tests/escape/escape_test.ts knows the expected results. Only `swap` runs on
 * the host.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *what, long result) {
  printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

#define TRY(what, call) (errno = 0, tell(what, (long)(call)))
#define CALL(name, ...) TRY(#name, syscall(SYS_##name, ##__VA_ARGS__))

/* New system calls that older headers do not name. */
enum {
  NR_open_tree = 428, NR_move_mount, NR_fsopen, NR_fsconfig, NR_fsmount, NR_fspick,
  NR_pidfd_open = 434, NR_clone3, NR_pidfd_getfd = 438, NR_mount_setattr = 442,
};

/* After a successful clone two processes would go on, so the child ends at once. */
static long clone_with(unsigned long flags) {
  long pid = syscall(SYS_clone, flags | 17, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return pid;
}

static long clone3_with(uint64_t flags) {
  uint64_t args[11] = {flags};
  args[4] = 17;
  long pid = syscall(NR_clone3, args, sizeof args);
  if (pid == 0) _exit(0);
  return pid;
}

/* Calls with effects outside of a container, whichever process makes them. */
static void syscalls(void) {
  char text[64] = "";
  CALL(mount, "none", "/tmp", "tmpfs", 0, 0);
  CALL(mount, 0, "/proc/sys", 0, MS_REMOUNT | MS_BIND, 0);
  CALL(umount2, "/proc/sys", MNT_DETACH);
  CALL(pivot_root, ".", ".");
  TRY("open_tree", syscall(NR_open_tree, AT_FDCWD, "/", 1));
  TRY("fsopen", syscall(NR_fsopen, "tmpfs", 0));
  TRY("fspick", syscall(NR_fspick, AT_FDCWD, "/", 0));
  TRY("fsmount", syscall(NR_fsmount, -1, 0, 0));
  TRY("fsconfig", syscall(NR_fsconfig, -1, 6, 0, 0, 0));
  TRY("move_mount", syscall(NR_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0));
  TRY("mount_setattr", syscall(NR_mount_setattr, AT_FDCWD, "/", 0, text, 32));
  TRY("unshare(user)", unshare(CLONE_NEWUSER));
  TRY("unshare(mount)", unshare(CLONE_NEWNS));
  TRY("unshare(cgroup)", unshare(CLONE_NEWCGROUP));
  TRY("unshare(network)", unshare(CLONE_NEWNET));
  TRY("clone(user)", clone_with(CLONE_NEWUSER));
  TRY("clone(user,mount)", clone_with(CLONE_NEWUSER | CLONE_NEWNS));
  TRY("clone3(user)", clone3_with(CLONE_NEWUSER));
  TRY("setns", syscall(SYS_setns, open("/proc/self/ns/mnt", O_RDONLY), 0));
  CALL(keyctl, 0, -3, 1);
  CALL(add_key, "user", "escape", "x", 1, -3);
  CALL(request_key, "user", "escape", 0, -3);
  CALL(bpf, 0, text, sizeof text);
  CALL(perf_event_open, text, 0, -1, -1, 0);
  CALL(userfaultfd, 1);
  CALL(io_uring_setup, 1, text);
  CALL(init_module, text, 1, "");
  CALL(finit_module, 0, "", 0);
  CALL(delete_module, "dummy", 0);
  CALL(kexec_load, 0, 0, 0, 0);
  CALL(reboot, 0xfee1dead, 672274793, 0, 0); /* CAD off */
  CALL(swapon, "/dev/null", 0);
  CALL(swapoff, "/dev/null");
  CALL(acct, 0);
  CALL(quotactl, 0, 0, 0, 0);
  CALL(syslog, 3, text, sizeof text);
  CALL(settimeofday, 0, 0);
  CALL(clock_settime, 0, text);
  CALL(sethostname, "owned", 5);
  CALL(setdomainname, "owned", 5);
#ifdef SYS_iopl
  CALL(iopl, 3);
  CALL(ioperm, 0x70, 1, 1);
#endif
  CALL(vhangup);
  CALL(fanotify_init, 0, 0);
  CALL(open_by_handle_at, AT_FDCWD, text, O_RDONLY);
  TRY("personality(no randomisation)", syscall(SYS_personality, 0x40000));
  TRY("socket(vsock)", socket(40, SOCK_STREAM, 0));
  TRY("socket(alg)", socket(38, SOCK_SEQPACKET, 0));
  TRY("ioctl(TIOCSTI)", ioctl(0, TIOCSTI, "x"));
  TRY("ioctl(TIOCSTI, upper half set)", syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32, "x"));
  TRY("ioctl(TIOCLINUX)", ioctl(0, TIOCLINUX, "\2"));
}

/* The same calls through the x32 numbers of x86_64. */
static void x32(void) {
#ifdef __x86_64__
  TRY("x32 unshare(user)", syscall(0x40000000 | SYS_unshare, CLONE_NEWUSER));
#endif
}

/* The same calls through the 32-bit entry of x86_64. */
static void int80(void) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(310L), "b"((long)CLONE_NEWUSER) : "memory");
  errno = result < 0 ? -result : 0;
  tell("int80 unshare(user)", result < 0 ? -1 : 0);
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(21L), "b"(0L), "c"(0L), "d"(0L), "S"(0L), "D"(0L) : "memory");
  errno = result < 0 ? -result : 0;
  tell("int80 mount", result < 0 ? -1 : 0);
  static const int families[] = {38 /* AF_ALG */, 40 /* AF_VSOCK */};
  static const char *const names[] = {"int80 socketcall(alg)", "int80 socketcall(vsock)"};
  /* Memory that a 32-bit pointer reaches. */
  unsigned *args = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  for (int i = 0; i < 2 && args != MAP_FAILED; i++) {
    args[0] = families[i], args[1] = i ? SOCK_STREAM : SOCK_SEQPACKET, args[2] = 0;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(102L), "b"(1L /* SYS_SOCKET */), "c"((long)args) : "memory");
    errno = result < 0 ? -result : 0;
    tell(names[i], result < 0 ? -1 : 0);
  }
#endif
}

static void at(const char *pid, const char *what, long result) {
  char line[512];
  snprintf(line, sizeof line, "%s/%s", pid, what);
  tell(line, result);
}

/* Every way by which one process looks into another. */
static void look_into(const char *pid) {
  static const char *const files[] = {
      "exe", "environ", "maps", "smaps", "auxv", "cwd/bin", "root/bin", "fdinfo",
      "stack", "syscall", "pagemap", "io", "personality",
      "ns/mnt", "ns/pid", "timers", 0};
  char path[256], buffer[512];
  for (int i = 0; files[i]; i++) {
    snprintf(path, sizeof path, "/proc/%s/%s", pid, files[i]);
    int fd = open(path, O_RDONLY);
    struct stat info;
    if (fd >= 0 && !fstat(fd, &info)) {
      /* Opening does not mean reading, for files and directories. */
      long got = S_ISDIR(info.st_mode) ? syscall(SYS_getdents64, fd, buffer, sizeof buffer)
                                       : read(fd, buffer, sizeof buffer);
      at(pid, files[i], got);
      close(fd);
    } else at(pid, files[i], -1);
  }
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  at(pid, "exe for writing", open(path, O_WRONLY));
  at(pid, "exe's name", readlink(path, buffer, sizeof buffer));
  /* Every process may see which numbers are open, but not what they are. */
  for (int fd = 0; fd < 80; fd++) {
    snprintf(path, sizeof path, "/proc/%s/fd/%d", pid, fd);
    at(pid, strstr(path, "fd/"), open(path, O_RDONLY | O_NONBLOCK));
  }
  snprintf(path, sizeof path, "/proc/%s/mem", pid);
  at(pid, "mem", open(path, O_RDWR));
}

static void seize(const char *pid) {
  int number = atoi(pid);
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)0x100000000UL, 1};
  at(pid, "ptrace seize", ptrace(PTRACE_SEIZE, number, 0, 0));
  at(pid, "ptrace attach", ptrace(PTRACE_ATTACH, number, 0, 0));
  at(pid, "process_vm_readv", process_vm_readv(number, &here, 1, &there, 1, 0));
  at(pid, "process_vm_writev", process_vm_writev(number, &here, 1, &there, 1, 0));
  int pidfd = syscall(NR_pidfd_open, number, 0);
  at(pid, "pidfd_getfd", syscall(NR_pidfd_getfd, pidfd, 0, 0));
  at(pid, "kcmp", syscall(SYS_kcmp, number, number, 0, 0, 0));
}

/* A process and each of its tasks. */
static void process(const char *pid) {
  char path[64], task[64];
  look_into(pid);
  seize(pid);
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *tasks = opendir(path);
  struct dirent *entry;
  while (tasks && (entry = readdir(tasks))) {
    if (entry->d_name[0] == '.') continue;
    snprintf(task, sizeof task, "%s/task/%.20s", pid, entry->d_name);
    look_into(task);
    seize(entry->d_name);
  }
}

/* Every file below a directory that can be opened for writing. */
static void writable(const char *directory) {
  DIR *files = opendir(directory);
  struct dirent *entry;
  char path[4096];
  while (files && (entry = readdir(files))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    /* Our own processes are writable. */
    if (!strcmp(directory, "/proc") && (strspn(entry->d_name, "0123456789") || strstr(entry->d_name, "self"))) continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    if (entry->d_type == DT_DIR) writable(path);
    if (entry->d_type != DT_REG && entry->d_type != DT_CHR) continue;
    int fd = open(path, O_WRONLY | O_NONBLOCK);
    if (fd < 0) continue;
    printf("%s\n", path);
    close(fd);
  }
  if (files) closedir(files);
}

/* The kernel's file system, under whichever of the names it has at the moment. */
static int find_kernel(char **names, long magic) {
  for (int try = 0; try < 1000; try++)
    for (char **name = names; *name; name++) {
      struct statfs info;
      int fd = open(*name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      if (fd >= 0 && !fstatfs(fd, &info) && info.f_type == magic) return fd;
      if (fd >= 0) close(fd);
    }
  return -1;
}

/* Tries to reach the host's files through a path that nothing can change. */
static void unsealed(char **names) {
  static const char *const files[] = {
      "sys/kernel/core_pattern", "sys/kernel/modprobe", "sysrq-trigger", "irq/default_smp_affinity", 0};
  int proc = find_kernel(names, 0x9fa0);
  printf("proc %s\n", proc < 0 ? "lost" : "found");
  for (int i = 0; proc >= 0 && files[i]; i++)
    if (openat(proc, files[i], O_WRONLY) >= 0) printf("open: %s\n", files[i]);
  char byte;
  int keys = openat(proc, "timer_list", O_RDONLY);
  if (proc >= 0 && keys >= 0 && read(keys, &byte, 1) > 0) printf("open: timer_list\n");
}

static void settings(char **names) {
  static const char *const files[] = {"self/oom_score_adj", "sys/net/ipv4/ip_forward", 0};
  int proc = find_kernel(names, 0x9fa0);
  char text[64];
  for (int i = 0; proc >= 0 && files[i]; i++) {
    ssize_t size = read(openat(proc, files[i], O_RDONLY), text, sizeof text);
    if (size > 0) printf("%s %.*s", files[i], (int)size, text);
  }
}

/* Makes a device node and opens it. */
static void device(char **words) {
  mode_t type = words[0][0] == 'b' ? S_IFBLK : S_IFCHR;
  dev_t number = makedev(atoi(words[1]), atoi(words[2]));
  for (char **path = words + 3; *path; path++) {
    at(*path, "mknod", mknod(*path, type | 0666, number));
    at(*path, "open", open(*path, O_RDONLY | O_NONBLOCK));
    at(*path, "open for writing", open(*path, O_WRONLY | O_NONBLOCK));
    unlink(*path);
  }
}

/* The names of the network interfaces that a raw socket reaches. */
static void interfaces(void) {
  TRY("socket(raw)", socket(AF_PACKET, SOCK_RAW, 0));
  struct if_nameindex *all = if_nameindex();
  for (int i = 0; all && all[i].if_name; i++) printf("interface %s\n", all[i].if_name);
}

/* A shorter sleep takes longer than asked for, in nanoseconds. */
enum { SHORTEST_SLEEP = 100000 };

/* Exchanges two names again and again. A short pause, in nanoseconds, is a loop. */
static void swap(const char *a, const char *b, unsigned pause) {
  for (;;) {
    syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
    if (pause < SHORTEST_SLEEP) for (volatile unsigned i = 0; i < pause; i++);
    else nanosleep(&(struct timespec){ .tv_nsec = pause }, 0);
  }
}

/* Ends, and leaves writers behind that are faster than any reader. */
static void flood(void) {
  static char lines[1 << 16];
  for (unsigned i = 0; i < sizeof lines; i++) lines[i] = i % 100 ? 'x' : '\n';
  fcntl(1, F_SETPIPE_SZ, 1 << 20);
  for (int i = 0; i < 3; i++)
    if (!fork())
      for (;;) if (write(1, lines, sizeof lines) < 0) _exit(1);
  usleep(300000);
  _exit(3);
}

int main(int count, char **words) {
  setvbuf(stdout, 0, _IONBF, 0);
  const char *what = count > 1 ? words[1] : "";
  if (!strcmp(what, "syscalls")) syscalls();
  else if (!strcmp(what, "x32")) x32();
  else if (!strcmp(what, "int80")) int80();
  else if (!strcmp(what, "process")) process(words[2]);
  else if (!strcmp(what, "writable")) while (*(++words + 1)) writable(words[1]);
  else if (!strcmp(what, "device")) device(words + 2);
  else if (!strcmp(what, "unsealed")) unsealed(words + 2);
  else if (!strcmp(what, "settings")) settings(words + 2);
  else if (!strcmp(what, "interfaces")) interfaces();
  else if (!strcmp(what, "flood")) flood();
  else if (!strcmp(what, "swap")) swap(words[2], words[3], atoi(words[4]));
  else return 2;
  return 0;
}
