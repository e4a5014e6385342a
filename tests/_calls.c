/*
 * Makes system calls from every kind of task: the first thread, another thread,
 * a child, and an orphan in a session of its own. Each makes a call that
 * nothing else in the program makes, so a learned profile shows which tasks
 * were traced.
 */

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *second(void *unused) {
  syscall(SYS_sched_getscheduler, 0);
  return unused;
}

int main(int argc, char **argv) {
  int ends[2];
  char byte;
  pthread_t thread;
  syscall(SYS_getpriority, PRIO_PROCESS, 0);
  pthread_create(&thread, NULL, second, NULL);
  pthread_join(thread, NULL);
  pipe(ends);
  if (fork() == 0) {
    syscall(SYS_sched_get_priority_max, SCHED_FIFO);
    if (fork() == 0) {
      setsid();
      syscall(SYS_sched_get_priority_min, SCHED_FIFO);
      write(ends[1], "", 1);
      _exit(0);
    }
    _exit(0);
  }
  wait(NULL);
  read(ends[0], &byte, 1);
  puts("heard");
  fflush(stdout);
  /* SIGILL, which also ends PID 1. */
  if (argc > 1) __builtin_trap();
  return 7;
}
