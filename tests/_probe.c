/*
 * Reports everything that a process has inherited from the way it was started,
 * one line for each fact: a section, a tab, a value. tests/_ways.ts compares
 * the reports.
 *
 *   probe                reports
 *   probe dirty COMMAND  executes a command like a caller that has changed
 *                        everything that its children inherit
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(const char *section, const char *text) {
  for (const char *c = (printf("%s\t", section), text); *c; c++)
    if (*c == '\n') printf("\\n");
    else if (*c == '\r') printf("\\r");
    else putchar(*c);
  putchar('\n');
}

static void number(const char *section, const char *name, long value) {
  char text[128];
  snprintf(text, sizeof text, "%s %ld", name, value < 0 ? -errno : value);
  tell(section, text);
}

/* Each line of a file, or the error. */
static void file(const char *section, const char *path) {
  FILE *stream = fopen(path, "re");
  char *line = NULL;
  size_t room = 0;
  if (!stream) {
    tell(section, strerror(errno));
    return;
  }
  for (ssize_t length; (length = getdelim(&line, &room, '\n', stream)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    tell(section, line);
  }
  if (ferror(stream)) tell(section, strerror(errno));
  fclose(stream);
}

static void descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  char path[64], target[4096], text[4200], line[256];
  while (directory) {
    struct dirent *entry = readdir(directory);
    if (!entry) break;
    int fd = atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == dirfd(directory)) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(path, "re");
    long flags = -1;
    while (info && fgets(line, sizeof line, info)) sscanf(line, "flags: %lo", &flags);
    if (info) fclose(info);
    snprintf(text, sizeof text, "%d %s flags %lo", fd, target, flags);
    tell("descriptor", text);
  }
  closedir(directory);
}

static void links(const char *section, const char *const *names) {
  char path[64], target[4096], text[4200];
  for (; *names; names++) {
    snprintf(path, sizeof path, "/proc/self/%s", *names);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    snprintf(text, sizeof text, "%s %s", *names, target);
    tell(section, text);
  }
}

static int probe(int argc, char **argv, char **envp) {
  static const char *const own[] = {"cwd", "root", "exe", NULL};
  static const char *const spaces[] = {"ns/cgroup", "ns/ipc", "ns/mnt", "ns/net", "ns/pid",
                                       "ns/pid_for_children", "ns/time", "ns/time_for_children",
                                       "ns/user", "ns/uts", NULL};
  char text[4096];
  int status = 0, reaper = -1, policy = -1;
  struct utsname name;
  struct itimerval timer;
  struct stat file_status;
  /* Comes first, since later descriptors are made by this program. */
  descriptors();
  for (int i = 1; i < argc; i++) tell("argument", argv[i]);
  for (char **entry = envp; *entry; entry++) tell("environment", *entry);
  file("status", "/proc/self/status");
  file("limits", "/proc/self/limits");
  file("mountinfo", "/proc/self/mountinfo");
  file("cgroup", "/proc/self/cgroup");
  file("oom_score_adj", "/proc/self/oom_score_adj");
  file("timerslack_ns", "/proc/self/timerslack_ns");
  file("coredump_filter", "/proc/self/coredump_filter");
  file("personality", "/proc/self/personality");
  file("loginuid", "/proc/self/loginuid");
  file("sessionid", "/proc/self/sessionid");
  file("attr/current", "/proc/self/attr/current");
  file("attr/exec", "/proc/self/attr/exec");
  file("uid_map", "/proc/self/uid_map");
  file("gid_map", "/proc/self/gid_map");
  file("setgroups", "/proc/self/setgroups");
  file("timens_offsets", "/proc/self/timens_offsets");
  links("link", own);
  links("namespace", spaces);
  number("process", "leads its group", getpgrp() == getpid());
  number("process", "leads its session", getsid(0) == getpid());
  number("process", "has a terminal", open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0);
  number("process", "has the terminal", tcgetpgrp(0) == getpgrp());
  number("process", "sees its parent", getppid() != 0);
  uname(&name);
  tell("uname", name.nodename);
  tell("uname", name.domainname);
  tell("uname", name.machine);
  number("process", "children", waitpid(-1, &status, WNOHANG));
  number("process", "dumpable", prctl(PR_GET_DUMPABLE));
  number("process", "keepcaps", prctl(PR_GET_KEEPCAPS));
  number("process", "securebits", prctl(PR_GET_SECUREBITS));
  number("process", "thp_disable", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  number("process", "mce_kill", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
  number("process", "speculation", prctl(PR_GET_SPECULATION_CTRL, 0, 0, 0, 0));
  number("process", "io_flusher", prctl(58 /* PR_GET_IO_FLUSHER */, 0, 0, 0, 0));
  prctl(PR_GET_PDEATHSIG, &status);
  number("process", "pdeathsig", status);
  prctl(PR_GET_CHILD_SUBREAPER, &reaper);
  number("process", "subreaper", reaper);
  errno = 0;
  number("process", "nice", 20 - getpriority(PRIO_PROCESS, 0));
  number("process", "scheduler", sched_getscheduler(0));
  number("process", "ioprio", syscall(SYS_ioprio_get, 1, 0));
  number("process", "mempolicy", syscall(SYS_get_mempolicy, &policy, NULL, 0, NULL, 0) ? -1 : policy);
  number("process", "session keyring", syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 0) >= 0);
  if (syscall(SYS_keyctl, 6 /* DESCRIBE */, -3, text, sizeof text) > 0) tell("keyring", text);
  getitimer(ITIMER_REAL, &timer);
  number("process", "alarm", timer.it_value.tv_sec || timer.it_value.tv_usec);
  for (int fd = 0; fd < 3; fd++)
    if (!fstat(fd, &file_status)) {
      snprintf(text, sizeof text, "%d mode %o of %u:%u", fd, file_status.st_mode, file_status.st_uid, file_status.st_gid);
      tell("stream", text);
    }
  tell("end", "");
  fflush(stdout);
  return 0;
}

/* A change that is not possible, such as for a caller without rights, is skipped. */
static int dirty(char **command) {
  struct { unsigned long handler, flags, restorer, mask; } ignored = {1, 0, 0, 0};
  unsigned long all = ~0UL;
  struct rlimit files = {777, 4096}, stack = {4 << 20, 32 << 20}, core = {4096, 1 << 20};
  struct itimerval timer = {{0, 0}, {3600, 0}};
  struct sched_param none = {0};
  struct { unsigned version; int pid; } header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct { unsigned effective, permitted, inheritable; } sets[2];
  cpu_set_t first;
  unsigned long node = 1;
  gid_t group = 4242;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  umask(027);
  setgroups(1, &group);
  setpriority(PRIO_PROCESS, 0, 5);
  sched_setscheduler(0, SCHED_BATCH, &none);
  sched_setaffinity(0, sizeof first, &first);
  syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6);
  syscall(SYS_set_mempolicy, 3 /* MPOL_INTERLEAVE */, &node, 2);
  setrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_STACK, &stack);
  setrlimit(RLIMIT_CORE, &core);
  setitimer(ITIMER_REAL, &timer, NULL);
  personality(ADDR_NO_RANDOMIZE);
  prctl(PR_SET_TIMERSLACK, 77777);
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
  prctl(PR_SET_SPECULATION_CTRL, 0, PR_SPEC_DISABLE, 0, 0);
  syscall(SYS_keyctl, 1 /* JOIN_SESSION_KEYRING */, "dirty");
  if (!syscall(SYS_capget, &header, sets)) {
    sets[0].inheritable = sets[0].permitted;
    sets[1].inheritable = sets[1].permitted;
    syscall(SYS_capset, &header, sets);
    for (int i = 0; i < 41; i++) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
  }
  prctl(PR_SET_SECUREBITS, 1 << 2 /* SECBIT_NO_SETUID_FIXUP */);
  int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  if (fd >= 0 && write(fd, "123", 3) < 0) perror("oom_score_adj");
  close(fd);
  fd = open("/proc/self/coredump_filter", O_WRONLY);
  if (fd >= 0 && write(fd, "0x7f", 4) < 0) perror("coredump_filter");
  close(fd);
  fd = open("/", O_RDONLY | O_DIRECTORY);
  for (int number = 3; number < 70; number += number < 16 ? 1 : 9)
    if (number != fd) dup2(fd, number);
  setenv("DIRTY", "1", 1);
  setenv("LD_DIRTY", "1", 1);
  for (int signal = 1; signal <= 64; signal++) syscall(SYS_rt_sigaction, signal, &ignored, NULL, 8);
  syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, NULL, 8);
  execvp(command[0], command);
  perror(command[0]);
  return 126;
}

int main(int argc, char **argv, char **envp) {
  return argc > 2 && !strcmp(argv[1], "dirty") ? dirty(argv + 2) : probe(argc, argv, envp);
}
