package node

import (
	"context"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
)

const (
	// viewTimeout bounds what a peer takes to say how it sees the cluster.
	viewTimeout = time.Second
	// viewBytesMax bounds what it says.
	viewBytesMax = 1 << 20
	// viewsMax bounds the peers that are told at a time.
	viewsMax = 8
)

// View is what this node tells peers that ask how it sees the cluster, in the words of
// whoever serves clients: to the node it is bytes.
type View func(ctx context.Context) ([]byte, error)

// forwardedView asks a node for its view.
type forwardedView struct {
	_ struct{} `cbor:",toarray"`
}

// ServeView begins to answer peers with v.
func (n *Node) ServeView(v View) { n.view.Store(&v) }

// ViewOf asks a peer for its view and takes a second at most. A peer of a release that
// knows nothing of views answers with an error.
func (n *Node) ViewOf(ctx context.Context, peer raft.NodeID) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	r, err := n.forward(ctx, peer, MetaGroup, forwardView, forwardedView{}, nil)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %v has not answered within %v", ErrTimeout, peer, viewTimeout)
	case err != nil:
		return nil, err
	}
	return r.answer.Data, nil
}

// answerView answers a peer without keeping the goroutine that delivers its frames.
func (n *Node) answerView(w waiter) {
	view := n.view.Load()
	if view == nil {
		w.resolve(reply{err: ErrBusy})
		return
	}
	select {
	case n.views <- struct{}{}:
	default:
		w.resolve(reply{err: ErrBusy})
		return
	}
	n.spawn(func() {
		defer func() { <-n.views }()
		ctx, cancel := context.WithTimeout(n.ctx, viewTimeout)
		defer cancel()
		data, err := (*view)(ctx)
		if err == nil && len(data) > viewBytesMax {
			data, err = nil, fmt.Errorf("%w: the view has %d bytes, %d are sent", ErrTooLarge, len(data), viewBytesMax)
		}
		w.resolve(reply{answer: Answer{Data: data}, err: err})
	})
}
