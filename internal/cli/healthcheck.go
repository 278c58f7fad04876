package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// healthTimeout is shorter than what container runtimes allow a check as a rule.
const healthTimeout = 5 * time.Second

func (p *Program) healthcheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck --config FILE",
		Short: "Ask the node on this machine whether it is ready, for containers",
		Long: "Asks the node that runs here with this configuration for /readyz, with --live for /livez, and exits\n" +
			"with 0 when it says yes, with 1 whatever else happens. It needs no certificate but the node's authority.",
		Example: "  wraftd healthcheck --config /etc/wraft/wraft.yaml",
		Args:    exactArgs(),
	}
	file := cmd.Flags().String("config", configFileDefault, "the node's configuration file")
	live := cmd.Flags().Bool("live", false, "only ask whether the process answers")
	timeout := cmd.Flags().Duration("timeout", healthTimeout, "how long it may take")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *timeout <= 0 {
			return usage("--timeout %v: must be above 0", *timeout)
		}
		path := "/readyz"
		if *live {
			path = "/livez"
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
		defer cancel()
		if err := p.health(ctx, *file, path); err != nil {
			return client.NewProblem(client.CodeUnhealthy, "%v", err).WithCause(errors.Unwrap(err))
		}
		return p.print(cmd, view{value: map[string]any{"healthy": true}, rows: [][]any{{"ok"}}, names: []string{"ok"}})
	}
	return cmd
}

// health asks the node of a configuration.
func (p *Program) health(ctx context.Context, file, path string) error {
	cfg, err := loadConfig(file, p.Environ, nil)
	if err != nil {
		return err
	}
	address, err := localAddress(cfg.ListenAPI)
	if err != nil {
		return err
	}
	conf, err := nodeTLS(cfg)
	if err != nil {
		return err
	}
	cl, err := client.New(client.Config{Endpoints: []string{address}, EndpointsOnly: true, TLS: conf, AttemptsMax: 1, Protocol: client.ProtocolHTTP})
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = cl.Page(ctx, path, "")
	return err
}

// localAddress is where a listening address is reached on the same machine.
func localAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listen-api: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

// nodeTLS trusts the one node of a configuration.
func nodeTLS(cfg nodeconfig.Config) (*tls.Config, error) {
	authorities, err := readCertificates(cfg.TLS.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range authorities {
		pool.AddCert(c)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Why: the certificate need not name localhost. Who it is for is checked below.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf := state.PeerCertificates[0]
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
				return err
			}
			cluster, id, err := pki.NodeIdentity(leaf)
			if err == nil && (cluster != cfg.Cluster || client.NodeID(id) != cfg.Node) {
				err = fmt.Errorf("node %d of cluster %q answers there", id, cluster)
			}
			return err
		},
	}, nil
}
