package cli

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

func (p *Program) certsRenewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "renew CERTIFICATE...",
		Short: "Renew certificates of nodes and clients",
		Long: "Issues each certificate anew, for the same node and hosts or the same client and role, with a fresh\n" +
			"key, and puts both in the place of the old ones (alice.key beside alice.crt), or with --out into\n" +
			"another folder. A node that runs takes them over within seconds. One that has expired can be renewed too.",
		Example: "  wraftd certs renew --ca-dir cluster/ca cluster/node-1/node.crt cluster/client/admin.crt\n  wraftd certs renew --ca-dir cluster/ca --out new cluster/node-1/node.crt",
		Args:    cobra.ArbitraryArgs,
	}
	caDir := cmd.Flags().String("ca-dir", "ca", "folder with ca.crt and ca.key")
	out := cmd.Flags().String("out", "", "folder to write to, where nothing is overwritten (default: in place)")
	days := cmd.Flags().Int("days", certDaysDefault, "days until the certificates expire")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := someCertificates(cmd, args); err != nil {
			return err
		}
		validity, err := certValidity(*days)
		if err != nil {
			return err
		}
		authority, err := pki.LoadAuthority(*caDir)
		if err != nil {
			return client.NewProblem(client.CodeLocalFile, "--ca-dir: %v", err).WithCause(err)
		}
		var renewed []certificate
		for _, file := range args {
			c, err := p.renewCertificate(authority, file, *out, validity)
			if err != nil {
				return err
			}
			renewed = append(renewed, c)
		}
		return p.printCertificates(cmd, renewed)
	}
	return cmd
}

// someCertificates wants at least one argument.
func someCertificates(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("%s: CERTIFICATE is missing", cmd.CommandPath())
	}
	return nil
}

// certValidity reads --days.
func certValidity(days int) (time.Duration, error) {
	if days < 1 || days > certDaysMax {
		return 0, usage("--days %d: use 1 to %d", days, certDaysMax)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// renewCertificate renews one file, in place when out is "".
func (p *Program) renewCertificate(authority *pki.Authority, file, out string, validity time.Duration) (certificate, error) {
	name, ok := strings.CutSuffix(filepath.Base(file), ".crt")
	if !ok {
		return certificate{}, usage("%s: the name of a certificate ends in .crt, and its key's in .key", file)
	}
	old, err := readCertificates(file)
	if err != nil {
		return certificate{}, err
	}
	pair, err := authority.Renew(old[0], p.Now(), validity)
	if err != nil {
		return certificate{}, client.NewProblem(client.CodeLocalFile, "%s: %v", file, err).WithCause(err)
	}
	if out == "" {
		err = localFileError(pair.Replace(filepath.Dir(file), name))
	} else {
		err = saved(pair.Save(out, name))
		file = filepath.Join(out, name+".crt")
	}
	if err != nil {
		return certificate{}, err
	}
	fresh, err := pair.Certificate()
	if err != nil {
		return certificate{}, err
	}
	return p.describe(file, fresh), nil
}

func (p *Program) certsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show CERTIFICATE...",
		Short:   "Show whose certificates these are, and how long they hold",
		Example: "  wraftd certs show cluster/client/admin.crt cluster/node-1/node.crt -o wide",
		Args:    someCertificates,
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []certificate
			for _, file := range args {
				certs, err := readCertificates(file)
				if err != nil {
					return err
				}
				all = append(all, p.describeAll(file, certs)...)
			}
			return p.printCertificates(cmd, all)
		},
	}
}

// certificate is a certificate as -o json shows it.
type certificate struct {
	File string `json:"file"`
	// Kind is node, client, authority, or other when it is none of wraft's.
	Kind    string `json:"kind"`
	Cluster string `json:"cluster,omitempty"`
	// Name is the node's ID or the client's name.
	Name      string    `json:"name,omitempty"`
	Role      string    `json:"role,omitempty"`
	Hosts     []string  `json:"hosts,omitempty"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// Valid is whether it holds now, as far as its dates say.
	Valid bool `json:"valid"`
}

func (p *Program) describe(file string, c *x509.Certificate) certificate {
	d := certificate{
		File: file, Kind: "other", Name: c.Subject.CommonName, Issuer: c.Issuer.CommonName, Serial: hex.EncodeToString(c.SerialNumber.Bytes()),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Valid: pki.CheckValidity(c, p.Now()) == nil, Hosts: slices.Clone(c.DNSNames),
	}
	for _, ip := range c.IPAddresses {
		d.Hosts = append(d.Hosts, net.IP.String(ip))
	}
	if cluster, id, err := pki.NodeIdentity(c); err == nil {
		d.Kind, d.Cluster, d.Name = "node", cluster, fmt.Sprint(uint64(id))
	} else if cluster, name, role, err := pki.ClientIdentity(c); err == nil {
		d.Kind, d.Cluster, d.Name, d.Role = "client", cluster, name, role
	} else if c.IsCA {
		d.Kind = "authority"
	}
	return d
}

// describeAll describes the certificates of a file.
func (p *Program) describeAll(file string, certs []*x509.Certificate) (all []certificate) {
	for _, c := range certs {
		all = append(all, p.describe(file, c))
	}
	return all
}

func (p *Program) printCertificates(cmd *cobra.Command, all []certificate) error {
	v := view{
		value:  map[string]any{"certificates": all},
		header: []string{"file", "kind", "name", "role", "expires", "valid"},
		wide:   []string{"cluster", "hosts", "issuer", "serial"},
	}
	for _, c := range all {
		v.names = append(v.names, c.File)
		v.rows = append(v.rows, []any{c.File, c.Kind, c.Name, dash(c.Role), c.NotAfter.Format(time.RFC3339), yesNo(c.Valid)})
		v.wideRows = append(v.wideRows, []any{dash(c.Cluster), dash(strings.Join(c.Hosts, ",")), c.Issuer, c.Serial})
	}
	return p.print(cmd, v)
}
