package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) clusterCommand() *cobra.Command {
	return group("cluster", "Change what holds for all nodes", p.clusterRaiseLevelCommand())
}

func (p *Program) clusterRaiseLevelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "raise-level", Short: "Let the cluster use what all its nodes' releases have",
		Long: "Raises the cluster's feature level to the newest one that all nodes serve. Do it once every node runs\n" +
			"the new release; from then on a node with an older one does not start. It cannot be undone.",
		Args: exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			level, last := levelOfAll(info)
			if last.FeatureLevel == 0 {
				return client.NewProblem(client.CodeFeatureLevel, "node %d was not up yet, so nobody knows what it serves", last.ID).
					WithHint("Start it, then try again.")
			}
			if level > info.FeatureLevel {
				if err := cl.RaiseFeatureLevel(ctx, level); err != nil {
					return err
				}
			}
			level = max(level, info.FeatureLevel)
			return p.print(cmd, view{
				value: map[string]any{"feature_level": level, "before": info.FeatureLevel},
				rows:  [][]any{{"feature level", level}, {"before", info.FeatureLevel}}, names: []string{fmt.Sprint(level)},
			})
		})
	}
	return cmd
}

// levelOfAll is the newest level that all nodes serve, and the node that serves least.
func levelOfAll(info client.ClusterInfo) (level uint32, last client.NodeInfo) {
	for i, n := range present(info) {
		if i == 0 || n.FeatureLevel < last.FeatureLevel {
			last = n
		}
	}
	return last.FeatureLevel, last
}
