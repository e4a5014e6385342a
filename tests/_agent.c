/*
 * An agent for SCMP_ACT_NOTIFY: it receives listeners on a Unix socket, prints
 * what arrives with them, and answers every call with EXDEV.
 */

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(server, (void *)&address, sizeof address) || listen(server, 8)) return 3;
  printf("listening\n");
  fflush(stdout);
  int client;
  /* One connection for each process that asks. */
  do client = accept(server, 0, 0);
  while (client < 0 || fork());
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char text[65536], control[CMSG_SPACE(sizeof(int))];
  struct iovec vector = {text, sizeof text - 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  ssize_t size = recvmsg(client, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (size <= 0 || !header) return 4;
  text[size] = 0;
  int listener = *(int *)CMSG_DATA(header);
  printf("%s\n", text);
  fflush(stdout);
  for (;;) {
    struct seccomp_notif call;
    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
      if (errno == EINTR || errno == ENOENT) continue;
      return 5;
    }
    struct seccomp_notif_resp answer = {.id = call.id, .error = -EXDEV};
    printf("call %d\n", call.data.nr);
    fflush(stdout);
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}
