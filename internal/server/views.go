package server

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// view is what this node tells the others of the cluster: client.ClusterInfo as JSON.
func (b backend) view(ctx context.Context) ([]byte, error) {
	info, err := b.ClusterInfo(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(info)
}

// ClusterViews implements api.Cluster: it asks all nodes at once.
func (b backend) ClusterViews(ctx context.Context) (client.ClusterViews, error) {
	own, err := b.ClusterInfo(ctx)
	if err != nil {
		return client.ClusterViews{}, err
	}
	links := map[raft.NodeID]transport.LinkStats{}
	for _, l := range b.node.Links() {
		links[l.Peer] = l
	}
	out := client.ClusterViews{ServedBy: own.ServedBy}
	for _, n := range own.Nodes {
		if n.State != client.NodeRemoved {
			out.Views = append(out.Views, client.NodeView{Node: n.ID})
		}
	}
	var wg sync.WaitGroup
	for i := range out.Views {
		v := &out.Views[i]
		if v.Node == own.ServedBy {
			v.Cluster = &own
			continue
		}
		wg.Go(func() {
			id := raft.NodeID(v.Node)
			info, err := b.viewOf(ctx, links[id], id)
			if v.Cluster = info; err != nil {
				v.Problem = err.Error()
			}
		})
	}
	wg.Wait()
	return out, nil
}

// viewOf asks one peer, unless no connection to it stands.
func (b backend) viewOf(ctx context.Context, link transport.LinkStats, id raft.NodeID) (*client.ClusterInfo, error) {
	switch {
	case !link.Up && link.Down != "":
		return nil, fmt.Errorf("no connection to %v stands: %s", id, link.Down)
	case !link.Up:
		return nil, fmt.Errorf("no connection to %v stands", id)
	}
	data, err := b.node.ViewOf(ctx, id)
	if err != nil {
		return nil, err
	}
	info := new(client.ClusterInfo)
	if err := json.Unmarshal(data, info); err != nil {
		return nil, fmt.Errorf("the answer of %v cannot be read: %w", id, err)
	}
	return info, nil
}
