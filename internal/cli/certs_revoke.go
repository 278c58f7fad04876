package cli

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

func (p *Program) certsRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke CERTIFICATE...",
		Short: "Take certificates back",
		Long: "Adds certificates to the authority's list of revoked ones, " + pki.RevokedFile + " beside ca.crt. Copy the list to all\n" +
			"nodes, to the file that tls.revoked names in their configurations; they read it within seconds and\n" +
			"refuse whoever shows one of these certificates. Revoking one again changes nothing.",
		Example: "  wraftd certs revoke --ca-dir cluster/ca alice/alice.crt",
		Args:    someCertificates,
	}
	caDir := cmd.Flags().String("ca-dir", "ca", "folder with ca.crt and ca.key")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		authority, err := pki.LoadAuthority(*caDir)
		if err != nil {
			return client.NewProblem(client.CodeLocalFile, "--ca-dir: %v", err).WithCause(err)
		}
		var certs []*x509.Certificate
		var revoked []certificate
		for _, file := range args {
			data, err := os.ReadFile(file)
			if err != nil {
				return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
			}
			c, err := pki.Pair{Cert: data}.Certificate()
			if err != nil {
				return client.NewProblem(client.CodeLocalFile, "%s: %v", file, err).WithCause(err)
			}
			certs, revoked = append(certs, c), append(revoked, p.describe(file, c))
		}
		path, err := authority.Revoke(*caDir, certs, p.Now())
		if err != nil {
			return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
		}
		if structured(cmd) {
			return p.print(cmd, view{value: map[string]any{"revoked": revoked, "file": path}})
		}
		for _, c := range certs {
			fmt.Fprintf(p.Stdout, "revoked %s, serial number %x\n", c.Subject.CommonName, c.SerialNumber)
		}
		fmt.Fprintln(p.Stdout, path)
		return nil
	}
	return cmd
}
