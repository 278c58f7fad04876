package cli

import (
	"context"
	"crypto/tls"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// serverDefault is asked when nothing else is said.
const serverDefault = "https://127.0.0.1:7443"

// nodeTimeout is how long one node may take to answer where all are asked, so that a silent one
// does not use up the command's time.
const nodeTimeout = 5 * time.Second

// connection are the flags of commands that talk to a cluster.
type connection struct {
	context       string
	servers       []string
	ca, cert, key string
	// token is what is shown beside the certificate, or in its place; tokenFile holds it.
	token, tokenFile string
	timeout          time.Duration
	// protocol is client.Config's.
	protocol client.Protocol
	// extra is what the command may take on top, because it was told to wait.
	extra time.Duration
}

// connectFlags adds the flags to cmd. What is not given comes from a context or variables.
func (p *Program) connectFlags(cmd *cobra.Command, timeout time.Duration) *connection {
	c := new(connection)
	f := cmd.Flags()
	f.StringVar(&c.context, "context", "", "name of a context (WRAFT_CONTEXT; default: the one in use), see wraftd context")
	f.StringSliceVar(&c.servers, "server", nil, "addresses of nodes, with commas or repeated (WRAFT_SERVER; default "+serverDefault+")")
	f.StringVar(&c.ca, "ca", "", "file with the cluster's authority (WRAFT_CA)")
	f.StringVar(&c.cert, "cert", "", "file with your certificate (WRAFT_CERT)")
	f.StringVar(&c.key, "key", "", "file with your key (WRAFT_KEY)")
	f.StringVar(&c.token, "token", "", "token to show in the place of a certificate; others on this machine may see it, better use --token-file (WRAFT_TOKEN)")
	f.StringVar(&c.tokenFile, "token-file", "", "file with such a token (WRAFT_TOKEN_FILE)")
	f.DurationVar(&c.timeout, "timeout", timeout, "how long to try")
	return c
}

// client makes the client that flags, context and variables describe. Close it.
func (p *Program) client(cmd *cobra.Command, c *connection) (*client.Client, error) {
	if err := p.resolve(cmd, c); err != nil {
		return nil, err
	}
	return c.open()
}

// config is what a client is made of.
func (c *connection) config() (client.Config, error) {
	if c.timeout <= 0 {
		return client.Config{}, usage("--timeout %v: must be above 0", c.timeout)
	}
	conf, err := c.tlsConfig()
	if err != nil {
		return client.Config{}, err
	}
	token, err := c.shownToken()
	return client.Config{Endpoints: c.servers, TLS: conf, Token: token, Timeout: c.timeout, Protocol: c.protocol}, err
}

// open makes a client of what is said.
func (c *connection) open() (*client.Client, error) {
	conf, err := c.config()
	if err != nil {
		return nil, err
	}
	cl, err := client.New(conf)
	if err != nil {
		return nil, usage("--server, --token: %v", err)
	}
	return cl, nil
}

// resolve fills what flags do not say from the context that applies; without one, from
// variables.
func (p *Program) resolve(cmd *cobra.Command, c *connection) error {
	base, err := p.contextFor(c)
	if err != nil {
		return err
	}
	given := func(flag string, value *string, usual string) {
		if !cmd.Flags().Changed(flag) {
			*value = usual
		}
	}
	given("ca", &c.ca, base.CA)
	given("cert", &c.cert, base.Cert)
	given("key", &c.key, base.Key)
	if !cmd.Flags().Changed("token") && !cmd.Flags().Changed("token-file") {
		c.token, c.tokenFile = base.Token, base.TokenFile
	}
	if !cmd.Flags().Changed("server") {
		c.servers = base.Servers
	}
	if len(c.servers) == 0 {
		c.servers = []string{serverDefault}
	}
	return nil
}

// shownToken is the token to show, "" for none.
func (c *connection) shownToken() (string, error) {
	token := c.token
	if token == "" && c.tokenFile != "" {
		data, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return "", client.NewProblem(client.CodeLocalFile, "--token-file: %v", err).WithCause(err)
		}
		token = strings.TrimSpace(string(data))
	}
	if token == "" {
		return "", nil
	}
	if _, err := pki.HashToken(token); err != nil {
		return "", usage("--token, --token-file: %v", err)
	}
	return token, nil
}

// toNode makes a client of one node that asks nobody else, and asks it once.
func (c *connection) toNode(address string) (*client.Client, error) {
	conf, err := c.config()
	if err != nil {
		return nil, err
	}
	conf.Endpoints, conf.EndpointsOnly, conf.AttemptsMax, conf.Protocol = []string{address}, true, 1, client.ProtocolHTTP
	conf.Timeout = min(c.timeout, nodeTimeout)
	conf.AttemptTimeout = conf.Timeout
	cl, err := client.New(conf)
	if err != nil {
		return nil, client.NewProblem(client.CodeUnreachable, "%v", err).WithCause(err)
	}
	return cl, nil
}

// withClient runs a command against the cluster the flags describe, for as long as
// they allow.
func (p *Program) withClient(cmd *cobra.Command, c *connection, run func(context.Context, *client.Client) error) error {
	cl, err := p.client(cmd, c)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout+c.extra)
	defer cancel()
	return run(ctx, cl)
}

// splitList reads a list with commas, without empty entries.
func splitList(text string) []string {
	var out []string
	for _, s := range strings.Split(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *connection) tlsConfig() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS13}
	if c.ca != "" {
		pool, err := pki.LoadPool(c.ca)
		if err != nil {
			return nil, client.NewProblem(client.CodeTLS, "--ca: %v", err).WithCause(err)
		}
		conf.RootCAs = pool
	}
	if (c.cert == "") != (c.key == "") {
		return nil, usage("--cert and --key come together (WRAFT_CERT, WRAFT_KEY)")
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, client.NewProblem(client.CodeTLS, "--cert, --key: %v", err).WithCause(err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
