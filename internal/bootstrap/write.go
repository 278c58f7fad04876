package bootstrap

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft/quorum"
)

// The names of what Write leaves in the folder.
const (
	AuthorityDir = "ca"
	ClientDir    = "client"
	ConfigFile   = "wraft.yaml"
	AdminName    = "admin"

	nodeName = "node"
	dataDir  = "data"
)

// NodeDir is the name of a node's folder.
func NodeDir(id client.NodeID) string { return fmt.Sprintf("node-%d", id) }

// Write writes the cluster into dir, which it makes when it is not there. Errors
// are *client.Problem: CodeConfig for a bad plan, CodeAlreadyInitialized when dir
// holds any part of a cluster already, which is then left as it is.
func (p Plan) Write(dir string, now time.Time) error {
	if err := p.Validate(); err != nil {
		return client.NewProblem(client.CodeConfig, "%v", err).WithCause(err)
	}
	if err := refuseExisting(dir); err != nil {
		return err
	}
	if err := p.write(dir, now); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return client.NewProblem(client.CodeAlreadyInitialized, "%v", err).WithCause(err)
		}
		return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return nil
}

// refuseExisting finds any part of an earlier cluster in dir.
func refuseExisting(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	for _, e := range entries {
		if e.Name() == AuthorityDir || e.Name() == ClientDir || strings.HasPrefix(e.Name(), "node-") {
			return client.NewProblem(client.CodeAlreadyInitialized, "%s already holds %s", dir, e.Name())
		}
	}
	return nil
}

func (p Plan) write(dir string, now time.Time) error {
	authority, err := pki.NewAuthority(p.Cluster, now)
	if err != nil {
		return err
	}
	// Why the authority first: with its key on disk nothing that follows is lost,
	// and a second init sees that there was a first.
	if err := authority.Save(filepath.Join(dir, AuthorityDir)); err != nil {
		return err
	}
	for _, n := range p.Nodes {
		if err := p.writeNode(filepath.Join(dir, NodeDir(n.ID)), n, authority, now); err != nil {
			return err
		}
	}
	admin, err := authority.IssueClient(AdminName, pki.RoleAdmin, now, pki.ValidityUsual)
	if err != nil {
		return err
	}
	clientDir := filepath.Join(dir, ClientDir)
	if err := admin.Save(clientDir, AdminName); err != nil {
		return err
	}
	return writeNew(filepath.Join(clientDir, pki.AuthorityCertFile), authority.CertPEM(), 0o644)
}

func (p Plan) writeNode(dir string, n nodeconfig.Node, authority *pki.Authority, now time.Time) error {
	return writeIdentity(dir, n, p.config(n), authority, now)
}

// writeIdentity writes what a node needs: certificate, authority and configuration.
func writeIdentity(dir string, n nodeconfig.Node, c nodeconfig.Config, authority *pki.Authority, now time.Time) error {
	pair, err := authority.IssueNode(quorum.NodeID(n.ID), n.Hosts(), now, pki.ValidityUsual)
	if err != nil {
		return err
	}
	if err := pair.Save(dir, nodeName); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, pki.AuthorityCertFile), authority.CertPEM(), 0o644); err != nil {
		return err
	}
	text, err := configuration(c)
	if err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, ConfigFile), text, 0o644)
}

// configuration is the text of a node's configuration.
func configuration(c nodeconfig.Config) ([]byte, error) {
	var text bytes.Buffer
	if err := configText.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("bootstrap: write configuration: %w", err)
	}
	return text.Bytes(), nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// configText is the configuration of a node. What has a good default is left out.
var configText = template.Must(template.New("config").Parse(`# Node {{.Node}} of cluster {{.Cluster}}. File names are relative to this file's folder.
cluster: {{printf "%q" .Cluster}}
node: {{.Node}}
data-dir: {{if eq .DataDir "data"}}data{{else}}{{printf "%q" .DataDir}}{{end}}

{{if .Join -}}
# It was added to the running cluster: these are nodes that it asks, and itself.
join: true
{{- else -}}
# The initial nodes, alike on all of them. peer is UDP, api is TCP.
{{- end}}
nodes:
{{- range .Nodes}}
  - id: {{.ID}}
    peer: {{printf "%q" .Peer}}
    api: {{printf "%q" .API}}
{{- if .Region}}
    region: {{printf "%q" .Region}}
{{- end}}
{{- end}}

tls:
  ca: {{.TLS.CA}}
  cert: {{.TLS.Cert}}
  key: {{.TLS.Key}}
`))
