package kafka

import "syscall"

// childAttributes makes the server end with its parent, so that a test binary
// that is killed leaves no server behind. The signal is a crash to the server;
// its directory is temporary then.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
