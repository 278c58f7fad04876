package plugins

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestShortSlicesLeaveTheRestOfAThread: a thread gets its slices and keeps policy and
// niceness, whatever they are, and the second look finds them there.
func TestShortSlicesLeaveTheRestOfAThread(t *testing.T) {
	const nice = 3
	type outcome struct {
		err           error
		short, again  bool
		before, after unix.SchedAttr
	}
	ended := make(chan outcome)
	go func() {
		runtime.LockOSThread() // Why never unlocked: the thread ends with its goroutine, and its niceness with it
		var o outcome
		defer func() { ended <- o }()
		if o.err = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice); o.err != nil {
			return
		}
		if o.before, o.err = attributes(); o.err != nil {
			return
		}
		o.short, o.again = systemShortSlices(), systemShortSlices()
		o.after, o.err = attributes()
	}()
	o := <-ended
	if o.err != nil {
		t.Skip("this system does not tell how it schedules a thread:", o.err)
	}
	if o.before.Runtime == 0 {
		t.Skip("this system has no slices to be set")
	}
	want := o.before
	if o.short {
		want.Runtime = uint64(threadSlice)
	}
	if o.before.Nice != nice || o.after != want || o.short != o.again {
		t.Errorf("slices are short: %v, then %v; before %+v, after %+v", o.short, o.again, o.before, o.after)
	}
	if !o.short {
		t.Skip("this system does not let the process set its slices")
	}
}

func attributes() (unix.SchedAttr, error) {
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return unix.SchedAttr{}, err
	}
	return *a, nil
}
