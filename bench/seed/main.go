// The smallest possible container: a program that starts itself again in new
// namespaces and changes its root. It is the origin of this project, and a peer
// in the bench.
//
//	SEED_ROOTFS=./fs seed run /bin/true
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fail(2, errors.New("usage: seed run COMMAND [ARG...]"))
	}
	switch os.Args[1] {
	case "run":
		parent(os.Args[2:])
	case "child":
		child(os.Args[2:])
	default:
		fail(2, fmt.Errorf("unknown command %q", os.Args[1]))
	}
}

// parent runs on the host and starts this program again as PID 1 of the new
// namespaces.
func parent(command []string) {
	self := inherit(exec.Command("/proc/self/exe", append([]string{"child"}, command...)...))
	self.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
	}
	finish(self.Run())
}

// child runs in the new namespaces. Mounts propagate to the host until / is
// private, so making it private comes first.
func child(command []string) {
	root := os.Getenv("SEED_ROOTFS")
	if root == "" {
		root = "./fs"
	}
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Sethostname([]byte("container")))
	must(syscall.Chroot(root))
	must(os.Chdir("/"))
	must(syscall.Mount("proc", "/proc", "proc", 0, ""))
	err := inherit(exec.Command(command[0], command[1:]...)).Run()
	must(syscall.Unmount("/proc", 0))
	finish(err)
}

func inherit(c *exec.Cmd) *exec.Cmd {
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c
}

// finish exits with the status of the command.
func finish(err error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	must(err)
}

func must(err error) {
	if err != nil {
		fail(1, err)
	}
}

func fail(status int, err error) {
	fmt.Fprintln(os.Stderr, "seed:", err)
	os.Exit(status)
}
