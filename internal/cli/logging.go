package cli

import (
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"github.com/wraft/wraft/internal/nodeconfig"
)

// logger is the logger a configuration selects. It writes to standard error:
// standard output is for data.
func (p *Program) logger(sel nodeconfig.LogSelection) *slog.Logger {
	var level slog.Level
	// Why the error is dropped: Validate let only known levels through.
	_ = level.UnmarshalText([]byte(sel.Level))
	isTerminal, colour := p.terminal(p.Stderr)
	if sel.Format == "text" || sel.Format == "auto" && isTerminal {
		return slog.New(tint.NewHandler(p.Stderr, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !colour}))
	}
	return slog.New(slog.NewJSONHandler(p.Stderr, &slog.HandlerOptions{Level: level}))
}
