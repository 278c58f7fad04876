package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// closeTimeout is how long running requests may take when a node stops.
const closeTimeout = 20 * time.Second

func (p *Program) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run a node",
		Long: "Runs one node until SIGTERM or SIGINT. Its configuration is layered: defaults, then the file,\n" +
			"then variables (WRAFT_DATA_DIR for data-dir, WRAFT_TLS_CA for tls.ca), then flags.\n" +
			"A node whose disk fails ends by itself, with exit code 10.",
		Example: "  wraftd run --config node-1/wraft.yaml\n  WRAFT_LOG_LEVEL=debug wraftd run --config node-1/wraft.yaml --listen-api :7443",
		Args:    exactArgs(),
	}
	file := cmd.Flags().String("config", configFileDefault, "configuration file")
	settingFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(*file, p.Environ, cmd.Flags())
		if err != nil {
			return err
		}
		log := p.logger(cfg.Log)
		node, err := p.Start(cmd.Context(), cfg, log)
		if err != nil {
			return startProblem(err)
		}
		return untilEnd(cmd.Context(), node)
	}
	return cmd
}

// untilEnd returns when ctx or the node ends. The error is nil after a stop in
// order, and says why otherwise.
func untilEnd(ctx context.Context, node Node) error {
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	var cause error
	select {
	case cause = <-ended:
		if cause == nil {
			cause = errors.New("cli: the node ended by itself")
		}
	case <-ctx.Done():
	}
	// Why not ctx: it has ended, and answering what runs takes its time.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := node.Close(stop); cause == nil {
		return err
	}
	return cause
}

// startProblem is why a node did not start.
func startProblem(err error) error {
	var p *client.Problem
	if errors.As(err, &p) {
		return p
	}
	return client.NewProblem(client.CodeInternal, "the node did not start: %v", err).WithOutcome(client.NotApplied).WithCause(err)
}
