package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// Node is a running node, as package server starts it.
type Node interface {
	// APIAddr is the host:port its API listens on.
	APIAddr() string
	// Wait returns when the node ends by itself, with the reason.
	Wait() error
	// Close stops it in order; ctx bounds how long running requests may take.
	Close(ctx context.Context) error
}

// Program is the command line with everything it touches, so that tests can give
// it another world.
type Program struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Environ are the environment variables, as os.Environ gives them.
	Environ []string
	// Version is what `wraftd version` prints.
	Version string
	// Start starts a node.
	Start func(ctx context.Context, cfg nodeconfig.Config, log *slog.Logger) (Node, error)
	// Now is the wall clock, for certificates.
	Now func() time.Time
}

// Run runs one command and returns the exit code. A first SIGINT or SIGTERM ends
// the command in order, a second one at once.
func (p *Program) Run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return p.run(ctx, args)
}

// run is Run without signals.
func (p *Program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return int(client.ExitOK)
	}
	problem := asProblem(err)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		problem = client.NewProblem(client.CodeInterrupted, "%s", problem.Detail).WithOutcome(problem.Outcome)
	}
	p.printProblem(problem)
	kind, _ := client.Lookup(problem.Code)
	return int(kind.Exit)
}

// getenv is the value of a variable, "" when it is not set.
func (p *Program) getenv(name string) string {
	value := ""
	for _, v := range p.Environ {
		if n, text, ok := strings.Cut(v, "="); ok && n == name {
			value = text
		}
	}
	return value
}

// terminal reports whether w is one; colour is wanted there unless NO_COLOR is set.
func (p *Program) terminal(w io.Writer) (isTerminal, colour bool) {
	f, ok := w.(*os.File)
	isTerminal = ok && term.IsTerminal(int(f.Fd()))
	return isTerminal, isTerminal && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
}
