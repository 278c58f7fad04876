package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/doctor"
)

func (p *Program) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with the cluster, and what to do",
		Long: "Asks every node at its own address and looks for whatever somebody should know: nodes that do not\n" +
			"answer, votes that are missing, links that are down and why, followers that trail, disks, clocks,\n" +
			"certificates, releases, and limits of this machine. Each finding says what to do and where to read\n" +
			"on. When something is wrong the exit code is 9; notes alone change nothing.",
		Example: "  wraftd doctor\n  wraftd doctor -o json",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			facts := doctor.Facts{Cluster: info, Host: doctor.Look(), Now: p.Now()}
			facts.Nodes = doctor.Ask(ctx, info, conn.toNode, time.Now)
			if facts.Certificates, err = ownCertificates(conn); err != nil {
				return err
			}
			return p.printDiagnosis(cmd, doctor.Examine(facts))
		})
	}
	return cmd
}

// ownCertificates are those that the user shows and trusts.
func ownCertificates(c *connection) ([]doctor.Certificate, error) {
	var out []doctor.Certificate
	for _, file := range []string{c.ca, c.cert} {
		if file == "" {
			continue
		}
		certs, err := readCertificates(file)
		if err != nil {
			return nil, err
		}
		for _, cert := range certs {
			out = append(out, doctor.Certificate{File: file, Cert: cert})
		}
	}
	return out, nil
}

// readCertificates reads all certificates of a PEM file.
func readCertificates(file string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, localFileError(err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, localFileError(fmt.Errorf("%s: %w", file, err))
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, localFileError(fmt.Errorf("%s: no CERTIFICATE block in it", file))
	}
	return certs, nil
}

func (p *Program) printDiagnosis(cmd *cobra.Command, r doctor.Report) error {
	v := view{value: r, header: []string{"check", "result", "about"}}
	bad := 0
	for _, c := range r.Checks {
		result := "ok"
		switch {
		case !c.OK:
			result, bad = "WRONG", bad+1
			v.names = append(v.names, c.Check)
		case len(c.Findings) > 0:
			result = "note"
		}
		v.rows = append(v.rows, []any{c.Check, result, c.About})
	}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	if outputOf(cmd) == formatTable {
		p.printFindings(r)
	}
	if bad > 0 {
		return client.NewProblem(client.CodeChecksFailed, "%d of %d checks found something wrong", bad, len(r.Checks))
	}
	return nil
}

func (p *Program) printFindings(r doctor.Report) {
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			word := "note"
			if f.Wrong {
				word = "wrong"
			}
			fmt.Fprintf(p.Stdout, "\n%s: %s: %s\n  do:  %s\n  see: %s\n", word, f.Subject, f.What, f.Do, f.See)
		}
	}
}
