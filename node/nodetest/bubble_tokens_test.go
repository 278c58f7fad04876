package nodetest_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/wraft/wraft/node"
)

// TestEveryNodeKnowsTokens: one that is made at a node is known at all, also at one that was
// away, and once revoked at none; all have the same audit of it.
func TestEveryNodeKnowsTokens(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		ctx = node.AskedBy(ctx, "ann", time.Now())
		disk := b.crash(3)
		hash := node.DigestOf([]byte("token"))
		made, err := b.nodes[1].node.AddToken(ctx, node.TokenRecord{Hash: hash, Name: "ci", Role: "writer"})
		if err != nil || made.By != "ann" || made.At == 0 {
			t.Fatalf("%+v, %v", made, err)
		}
		if _, err := b.nodes[2].node.AddToken(ctx, node.TokenRecord{Hash: node.DigestOf(nil), Name: "ci", Role: "reader"}); !errors.Is(err, node.ErrTokenConflict) {
			t.Errorf("another one of the name: %v", err)
		}
		b.boot(3, disk)
		for _, n := range b.nodes {
			b.eventually(ctx, "the token is known", func() bool {
				known, ok := n.node.Catalogue().Token(hash)
				return ok && known == made
			})
		}
		if err := b.nodes[3].node.AddNode(ctx, joiner(4)); err != nil {
			t.Fatal(err)
		}
		if gone, err := b.nodes[2].node.RevokeToken(ctx, "ci"); err != nil || gone != made {
			t.Fatalf("%+v, %v", gone, err)
		}
		if _, known := b.nodes[2].node.Catalogue().Token(hash); known {
			t.Error("the node that answered knows it still")
		}
		if _, err := b.nodes[1].node.RevokeToken(ctx, "ci"); !errors.Is(err, node.ErrUnknownToken) {
			t.Errorf("revoked again: %v", err)
		}
		for _, n := range b.nodes {
			b.eventually(ctx, "the token is revoked, and the audit says so", func() bool {
				c := n.node.Catalogue()
				return len(c.Tokens) == 0 && len(c.Audit) == 3 && c.Audit[1].Action == "add-node" && c.Audit[1].By == "ann" &&
					reflect.DeepEqual(c.Audit, b.nodes[1].node.Catalogue().Audit)
			})
		}
	})
}
