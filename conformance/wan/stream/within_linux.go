package stream

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// within calls f on a thread in a network namespace; sockets that it makes are there.
// Empty is the process's own.
func within(namespace string, f func() error) error {
	if namespace == "" {
		return f()
	}
	done := make(chan error)
	go func() {
		// Why never unlocked: the thread then ends with this goroutine, and nothing else
		// ever runs in the namespace.
		runtime.LockOSThread()
		done <- enter(namespace, f)
	}()
	return <-done
}

func enter(namespace string, f func() error) error {
	at, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	defer unix.Close(at)
	if err := unix.Setns(at, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	return f()
}
