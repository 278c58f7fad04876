package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bundle"
	"github.com/wraft/wraft/internal/doctor"
)

// bundleTimeout leaves time for nodes that do not answer.
const bundleTimeout = time.Minute

func (p *Program) debugBundleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Put what all nodes say into one file, for whoever helps",
		Long: "Asks every node for what it knows of the cluster and its machines, its readiness checks, metrics and,\n" +
			"when you are an admin, stacks of its goroutines and a profile of its memory; adds the doctor's report,\n" +
			"and with --config the settings of a node. No commands, no states and no keys are in it; addresses and\n" +
			"names of machines are. Nodes that do not answer are left out and named.",
		Example: "  wraftd debug bundle\n  wraftd debug bundle --out case-17.tar.gz --config /etc/wraft/wraft.yaml",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, bundleTimeout)
	out := cmd.Flags().String("out", "", "file to write, which must not be there yet (default: wraft-CLUSTER-TIME.tar.gz)")
	configs := cmd.Flags().StringSlice("config", nil, "configuration files of nodes to add the settings of")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			files, err := p.settingsFiles(*configs)
			if err != nil {
				return err
			}
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			pages, answered := bundle.Collect(ctx, info, conn.toNode)
			facts := doctor.Facts{Cluster: info, Nodes: doctor.Ask(ctx, info, conn.toNode, time.Now), Host: doctor.Look(), Now: p.Now()}
			report, err := jsonFile("doctor.json", doctor.Examine(facts))
			if err != nil {
				return err
			}
			made, err := jsonFile("bundle.json", map[string]any{"cluster": info.Cluster, "made_at": p.Now().UTC(), "made_by": p.Version, "asked": info.ServedBy})
			if err != nil {
				return err
			}
			files = append(append([]bundle.File{made, report}, files...), pages...)
			return p.writeBundle(cmd, *out, info, files, answered)
		})
	}
	return cmd
}

// settingsFiles are the settings of nodes, from their configuration files.
func (p *Program) settingsFiles(configs []string) (files []bundle.File, err error) {
	for i, file := range configs {
		l, err := loadLayers(file, p.Environ, nil)
		if err != nil {
			return nil, err
		}
		f, err := jsonFile(fmt.Sprintf("config/%d.json", i+1), l.view(true).value)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func jsonFile(name string, value any) (bundle.File, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return bundle.File{}, fmt.Errorf("cli: encode: %w", err)
	}
	return bundle.File{Name: name, Data: append(data, '\n')}, nil
}

func (p *Program) writeBundle(cmd *cobra.Command, out string, info client.ClusterInfo, files []bundle.File, answered int) error {
	now := p.Now().UTC()
	folder := fmt.Sprintf("wraft-%s-%s", info.Cluster, now.Format("20060102T150405Z"))
	if out == "" {
		out = folder + ".tar.gz"
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return client.NewProblem(client.CodeBackupExists, "%s is there already", out).WithCause(err)
	}
	if err != nil {
		return localFileError(err)
	}
	if err := errors.Join(bundle.Write(f, folder, now, files), f.Close()); err != nil {
		return localFileError(errors.Join(err, os.Remove(out)))
	}
	nodes := len(present(info))
	if answered < nodes {
		fmt.Fprintf(p.Stderr, "%d of %d nodes answered; see errors.txt of the others\n", answered, nodes)
	}
	return p.print(cmd, view{
		value: map[string]any{"file": out, "files": len(files), "nodes": nodes, "answered": answered}, names: []string{out},
		rows: [][]any{{"file", out}, {"files", len(files)}, {"nodes", fmt.Sprintf("%d of %d", answered, nodes)}},
	})
}
