package badmodules

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// logCount is a log handler that counts what guests log.
type logCount struct {
	mu    sync.Mutex // guards bytes
	bytes int
}

// Enabled takes every level.
func (l *logCount) Enabled(context.Context, slog.Level) bool { return true }

// Handle counts the text of a guest.
func (l *logCount) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "text" {
			l.bytes += len(a.Value.String())
		}
		return true
	})
	return nil
}

// WithAttrs returns the same handler: attributes are not counted.
func (l *logCount) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup returns the same handler.
func (l *logCount) WithGroup(string) slog.Handler { return l }

func (l *logCount) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes = 0
}

// check complains of more than so many bytes of text since reset.
func (l *logCount) check(bytesMax int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes > bytesMax {
		return fmt.Errorf("the guest logged %d bytes, the limit is %d", l.bytes, bytesMax)
	}
	return nil
}

// endless is a state to restore that never ends.
type endless struct{}

// Read fills b with zeros.
func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
