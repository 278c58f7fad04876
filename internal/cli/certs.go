package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft/quorum"
)

// certDaysDefault and certDaysMax bound how long a certificate holds.
const (
	certDaysDefault = 365
	certDaysMax     = 3650
)

func (p *Program) certsCommand() *cobra.Command {
	return group("certs", "Make an authority, issue, renew and show certificates", p.certsInitCommand(), p.certsIssueCommand(), p.certsRenewCommand(),
		p.certsShowCommand(), p.certsRevokeCommand())
}

func (p *Program) certsInitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init --dir DIR",
		Short: "Make an authority (wraftd init does it too)",
		Args:  exactArgs(),
	}
	dir := cmd.Flags().String("dir", "ca", "folder to write ca.crt and ca.key to")
	name := cmd.Flags().String("cluster", "wraft", "name of the cluster")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := pki.CheckName("cluster", *name); err != nil {
			return usage("--cluster: %v", err)
		}
		authority, err := pki.NewAuthority(*name, p.Now())
		if err != nil {
			return err
		}
		if err := saved(authority.Save(*dir)); err != nil {
			return err
		}
		return p.printMade(cmd, filepath.Join(*dir, pki.AuthorityCertFile))
	}
	return cmd
}

func (p *Program) certsIssueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "issue (--node ID --host HOST... | --client NAME)",
		Short: "Issue a certificate for a node or a client",
		Long: "Issues a certificate of the cluster's authority: for a node, valid for the hosts named, or for a\n" +
			"client, with the role that says what it may do: reader, writer (commands too), deployer:MACHINE\n" +
			"(versions of that machine), operator (all machines, nodes, snapshots, but no commands), admin.\n" +
			"Nothing is overwritten.",
		Example: "  wraftd certs issue --ca-dir cluster/ca --client alice --role writer --out alice\n  wraftd certs issue --ca-dir cluster/ca --node 4 --host 10.0.0.4 --out node-4",
		Args:    exactArgs(),
	}
	f := cmd.Flags()
	caDir := f.String("ca-dir", "ca", "folder with ca.crt and ca.key")
	node := f.Uint64("node", 0, "ID of the node to issue for")
	hosts := f.StringSlice("host", nil, "names and IP addresses of the node")
	name := f.String("client", "", "name of the client to issue for")
	role := f.String("role", "", "what the client may do: reader, writer, deployer:MACHINE, operator or admin")
	out := f.String("out", ".", "folder to write to")
	days := f.Int("days", certDaysDefault, "days until the certificate expires")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		validity, err := certValidity(*days)
		if err != nil {
			return err
		}
		if (*node == 0) == (*name == "") {
			return usage("say for whom: either --node ID or --client NAME")
		}
		if (*role == "") == (*name != "") {
			return usage("say what the client may do: --role reader, writer, deployer:MACHINE, operator or admin; nodes have none")
		}
		authority, err := pki.LoadAuthority(*caDir)
		if err != nil {
			return client.NewProblem(client.CodeLocalFile, "--ca-dir: %v", err).WithCause(err)
		}
		file, pair := "node", pki.Pair{}
		if *name != "" {
			file = *name
			pair, err = authority.IssueClient(*name, *role, p.Now(), validity)
		} else {
			pair, err = authority.IssueNode(quorum.NodeID(*node), *hosts, p.Now(), validity)
		}
		if err != nil {
			return usage("%v", err)
		}
		if err := saved(pair.Save(*out, file)); err != nil {
			return err
		}
		return p.printMade(cmd, filepath.Join(*out, file+".crt"), filepath.Join(*out, file+".key"))
	}
	return cmd
}

// printMade prints the files of a certificate that was made, itself the first one, and to programs what
// it says.
func (p *Program) printMade(cmd *cobra.Command, files ...string) error {
	if structured(cmd) {
		certs, err := readCertificates(files[0])
		if err != nil {
			return err
		}
		return p.printCertificates(cmd, p.describeAll(files[0], certs))
	}
	for _, file := range files {
		fmt.Fprintln(p.Stdout, file)
	}
	return nil
}

// saved words the error of writing an identity.
func saved(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return client.NewProblem(client.CodeAlreadyInitialized, "%v", err).WithCause(err)
	default:
		return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
}
