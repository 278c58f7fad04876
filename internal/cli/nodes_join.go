package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// joinOrder is what nodes join was told.
type joinOrder struct {
	invitation pki.Invitation
	spec       client.JoinSpec
	dir, data  string
}

func (p *Program) nodesJoinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "join TOKEN --peer HOST:PORT --api HOST:PORT", Short: "On a new machine: become a node of a running cluster",
		Long: "Makes this machine a node of the cluster that a token of wraftd token create --join is from, once: makes a\n" +
			"key, checks whom the cluster trusts against the hash in the token before it shows anything, has its\n" +
			"certificate issued, and writes all of it with wraft.yaml into a folder. Run the node there: it gets a\n" +
			"replica of every group as a learner, and votes in each once it has caught up. Broken off, it can be\n" +
			"run again; the key stays here.\n\nPEER (UDP) and API (TCP) are host:port addresses that other nodes dial.",
		Example: "  wraftd nodes join wraftjoin_... --peer 10.0.0.4:7444 --api 10.0.0.4:7443\n  wraftd run --config node/wraft.yaml",
		Args:    exactArgs("TOKEN"),
	}
	f := cmd.Flags()
	o := new(joinOrder)
	f.StringVar(&o.spec.Peer, "peer", "", "host:port (UDP) that other nodes dial (required)")
	f.StringVar(&o.spec.API, "api", "", "host:port (TCP) that clients dial (required)")
	f.StringVar(&o.spec.Region, "region", "", "label of where it is")
	id := f.Uint64("id", 0, "ID to ask for (default: of the token, or whichever is free)")
	servers := f.StringSlice("server", nil, "address of the node to ask, where the one in the token is not reached from here")
	f.StringVar(&o.dir, "out", "node", "folder to write")
	f.StringVar(&o.data, "data-dir", "", "data directory of the node (default: data in that folder)")
	timeout := f.Duration("timeout", callTimeout, "how long to try")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if o.invitation, err = pki.ParseInvitation(args[0]); err != nil {
			return usage("%v", err)
		}
		if len(*servers) > 0 {
			o.invitation.Servers = *servers
		}
		o.spec.ID = client.NodeID(*id)
		ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
		defer cancel()
		joined, err := o.join(ctx)
		if err != nil {
			return err
		}
		return p.printJoined(cmd, o, joined)
	}
	return cmd
}

// join does it all. What it leaves when it fails is the key, for the next try.
func (o *joinOrder) join(ctx context.Context) (client.Joined, error) {
	if o.spec.Peer == "" || o.spec.API == "" {
		return client.Joined{}, usage("--peer and --api are needed: the addresses at which others reach this node")
	}
	if o.data != "" {
		path, err := filepath.Abs(o.data)
		if err != nil {
			return client.Joined{}, localFileError(err)
		}
		o.data = path
	}
	authorities, err := o.authorities(ctx)
	if err != nil {
		return client.Joined{}, err
	}
	key, err := bootstrap.Key(o.dir)
	if err != nil {
		return client.Joined{}, err
	}
	request, err := pki.NewRequest(key)
	if err != nil {
		return client.Joined{}, client.NewProblem(client.CodeLocalFile, "%s: %v", o.dir, err).WithCause(err)
	}
	o.spec.Request = string(request)
	joined, err := o.ask(ctx, authorities)
	if err != nil {
		return joined, err
	}
	j := bootstrap.Joiner{
		Cluster: o.invitation.Cluster, DataDir: o.data, Node: nodeconfig.Node{ID: joined.ID, Peer: o.spec.Peer, API: o.spec.API, Region: o.spec.Region},
	}
	for _, n := range joined.Nodes {
		j.Others = append(j.Others, nodeconfig.Node{ID: n.ID, Peer: n.Peer, API: n.API, Region: n.Region})
	}
	if err := j.Validate(); err != nil {
		return joined, configProblem("%v", err)
	}
	return joined, j.Complete(o.dir, []byte(joined.Certificate), authorities)
}

// authorities are those of the cluster. Why nobody is verified here: what comes is compared
// with the hash, and nothing is shown.
func (o *joinOrder) authorities(ctx context.Context) ([]byte, error) {
	cl, err := o.client(&tls.Config{InsecureSkipVerify: true}, "")
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	certs, err := cl.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	if sum, err := pki.AuthoritiesHash(certs); err != nil || sum != o.invitation.Authorities {
		return nil, client.NewProblem(client.CodeTLS, "%v shows another authority than the token is of", o.invitation.Servers).
			WithHint("If the cluster's authority has changed since, make another token; else somebody stands in between.")
	}
	return certs, nil
}

// ask shows the token, to a server of those authorities alone.
func (o *joinOrder) ask(ctx context.Context, authorities []byte) (client.Joined, error) {
	trust, err := pki.ParseTrust(authorities)
	if err != nil {
		return client.Joined{}, client.NewProblem(client.CodeTLS, "%v", err).WithCause(err)
	}
	cl, err := o.client(&tls.Config{RootCAs: trust.Authorities()}, o.invitation.Token)
	if err != nil {
		return client.Joined{}, err
	}
	defer cl.Close()
	return cl.Join(ctx, o.spec)
}

func (o *joinOrder) client(conf *tls.Config, token string) (*client.Client, error) {
	conf.MinVersion = tls.VersionTLS13
	cl, err := client.New(client.Config{Endpoints: o.invitation.Servers, EndpointsOnly: true, TLS: conf, Token: token, Protocol: client.ProtocolHTTP})
	if err != nil {
		return nil, usage("%v", err)
	}
	return cl, nil
}

func (p *Program) printJoined(cmd *cobra.Command, o *joinOrder, joined client.Joined) error {
	file := filepath.Join(o.dir, bootstrap.ConfigFile)
	value := map[string]any{"cluster": joined.Cluster, "id": joined.ID, "config": file}
	said := joined.Quorum.VotersAfter > 0 // not by a node of the release before, say
	if said {
		value["quorum"] = joined.Quorum
	}
	err := p.print(cmd, view{
		value: value, names: []string{file},
		rows: [][]any{{"cluster", joined.Cluster}, {"node", joined.ID.String()}, {"configuration", file}},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "this machine is node %d of %s\n", joined.ID, joined.Cluster)
	if said {
		fmt.Fprintf(p.Stderr, "once it runs and has caught up: %s\n", effectWords(joined.Quorum))
	}
	fmt.Fprintf(p.Stderr, "next: wraftd run --config %s\n", file)
	return nil
}
