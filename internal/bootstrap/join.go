package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	// DataDir is its data directory; "" is one in its folder.
	DataDir string
}

// config is the configuration that is written for it.
func (j Joiner) config() nodeconfig.Config {
	c := Plan{Cluster: j.Cluster, Nodes: append([]nodeconfig.Node{j.Node}, j.Others...)}.config(j.Node)
	c.Join = true
	if j.DataDir != "" {
		c.DataDir = j.DataDir
	}
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

// Key returns the key in the node's folder, which it makes with the folder when it is not there:
// a second try asks for a certificate of the same key. Errors are *client.Problem, of
// CodeAlreadyInitialized when the node has its certificate.
func Key(dir string) ([]byte, error) {
	if _, err := os.Lstat(filepath.Join(dir, nodeName+".crt")); err == nil {
		return nil, client.NewProblem(client.CodeAlreadyInitialized, "%s has a certificate already", dir)
	}
	path := filepath.Join(dir, nodeName+".key")
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = newKey(dir, path)
	}
	if err != nil {
		return nil, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return key, nil
}

func newKey(dir, path string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	return key, writeNew(path, key, 0o600)
}

// Complete writes what the node needs besides its key into its folder: the certificate that
// was issued for that, whom it trusts, and a configuration. Errors are *client.Problem.
func (j Joiner) Complete(dir string, cert, authorities []byte) error {
	text, err := configuration(j.config())
	if err == nil {
		err = writeNew(filepath.Join(dir, pki.AuthorityCertFile), authorities, 0o644)
	}
	if err == nil {
		err = writeNew(filepath.Join(dir, ConfigFile), text, 0o644)
	}
	if err == nil { // Why last: it says that all is there
		err = writeNew(filepath.Join(dir, nodeName+".crt"), cert, 0o644)
	}
	if err != nil {
		return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return nil
}
