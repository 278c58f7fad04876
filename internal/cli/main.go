package cli

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/server"
)

// Main runs the command line of this process and returns its exit code.
func Main() int {
	p := &Program{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Version: server.Version(), Start: startServer, Now: time.Now,
	}
	return p.Run(os.Args[1:])
}

// startServer is server.Start as a Node: a nil *Server in an interface would not
// be nil.
func startServer(ctx context.Context, cfg nodeconfig.Config, log *slog.Logger) (Node, error) {
	var err error
	if cfg.CompileWorker, cfg.CompileWorkerName, err = compileWorker(); err != nil {
		return nil, err
	}
	s, err := server.Start(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	return s, nil
}
