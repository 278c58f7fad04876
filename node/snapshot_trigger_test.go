package node

import (
	"errors"
	"testing"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/storage"
)

// TestOneSnapshotAtATime: whoever asks for a snapshot while one is being written is told.
func TestOneSnapshotAtATime(t *testing.T) {
	l := runLoopBy(t, &tally{}, clock.System())
	defer l.stop()
	answer := make(chan error, 1)
	l.in.force(func(l *applierLoop) {
		l.recording = true
		l.snapshotNow(func(_ storage.SnapshotFile, err error) { answer <- err })
		l.recording = false
	})
	if err := <-answer; !errors.Is(err, ErrSnapshotting) {
		t.Fatalf("a second one: %v", err)
	}
}
