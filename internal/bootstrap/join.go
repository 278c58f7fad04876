package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// Joiner is a node that is added to a running cluster.
type Joiner struct {
	Cluster string
	Node    nodeconfig.Node
	// Others are nodes of the cluster whom it asks first.
	Others []nodeconfig.Node
}

// config is the configuration that is written for it.
func (j Joiner) config() nodeconfig.Config {
	c := Plan{Cluster: j.Cluster, Nodes: append([]nodeconfig.Node{j.Node}, j.Others...)}.config(j.Node)
	c.Join = true
	return c
}

// Validate joins all problems of the node's configuration.
func (j Joiner) Validate() error { return j.config().WithDefaults().Validate() }

// Write writes what the node needs into dir, which must not exist: a certificate of the
// authority in authorityDir and a configuration. Errors are *client.Problem.
func (j Joiner) Write(dir, authorityDir string, now time.Time) error {
	authority, err := pki.LoadAuthority(authorityDir)
	switch {
	case err != nil:
		return client.NewProblem(client.CodeLocalFile, "%s: %v", authorityDir, err).WithCause(err)
	case authority.Cluster() != j.Cluster:
		return client.NewProblem(client.CodeTLS, "%s is the authority of cluster %q, this is cluster %q", authorityDir, authority.Cluster(), j.Cluster)
	}
	if err := j.Validate(); err != nil {
		return client.NewProblem(client.CodeConfig, "%v", err).WithCause(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return client.NewProblem(client.CodeAlreadyInitialized, "%s is there already", dir)
	}
	if err := writeIdentity(dir, j.Node, j.config(), authority, now); err != nil {
		return client.NewProblem(client.CodeLocalFile, "%v", fmt.Errorf("bootstrap: %w", err)).WithCause(err)
	}
	return nil
}
