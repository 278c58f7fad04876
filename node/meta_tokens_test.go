package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wraft/wraft/plugins"
)

// later applies a later command as asked for by ann, 10 ns after its index by the clock.
func (l *metaLog) later(c laterCommand) plugins.Result {
	l.t.Helper()
	c.By, c.At = "ann", int64(l.index)+11
	return l.apply(c.encode())
}

func (l *metaLog) addToken(t TokenRecord) int32 {
	l.t.Helper()
	return l.later(laterCommand{AddToken: &addTokenCommand{Token: t}}).Status
}

func tokenHash(n int) Digest { return DigestOf(fmt.Append(nil, n)) }

func TestTokensInTheCatalogue(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	ci := TokenRecord{Hash: tokenHash(1), Name: "ci", Role: "writer"}
	for _, step := range []struct {
		add  TokenRecord
		want int32
	}{
		{ci, metaOK}, {ci, metaExists}, {TokenRecord{Hash: tokenHash(2), Name: "ci", Role: "reader"}, metaTokenConflict},
		{TokenRecord{Hash: tokenHash(2), Name: ci.ID(), Role: "reader"}, metaTokenConflict}, {TokenRecord{Hash: tokenHash(2), Role: "reader"}, metaOK},
		{TokenRecord{Hash: tokenHash(3), Name: "x"}, metaMalformed}, {TokenRecord{Hash: tokenHash(4), Name: "short", Role: "reader", Expires: 1}, metaOK},
		{TokenRecord{Hash: tokenHash(5), Name: "short", Role: "reader"}, metaOK}, // the one of the name has expired
	} {
		if got := l.addToken(step.add); got != step.want {
			t.Errorf("%+v: status %d, want %d", step.add, got, step.want)
		}
	}
	have, ok := l.catalogue.Token(ci.Hash)
	if !ok || have.By != "ann" || have.At != int64(have.Index)+10 || len(l.catalogue.Tokens) != 3 {
		t.Errorf("%+v among %d", have, len(l.catalogue.Tokens))
	}
	revoke := laterCommand{RevokeToken: &revokeTokenCommand{Hash: ci.Hash, Name: "ci"}}
	if first, again := l.later(revoke), l.later(revoke); first.Status != metaOK || again.Status != metaUnknownToken {
		t.Errorf("revoked with status %d, then %d", first.Status, again.Status)
	}
	if _, ok := l.catalogue.Token(ci.Hash); ok {
		t.Error("a revoked token is there")
	}
}

func TestTokensAreBounded(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	for i := range TokensMax {
		record := TokenRecord{Hash: tokenHash(i), Role: "reader"}
		if i == 7 {
			record.Expires = int64(TokensMax) + 12
		}
		if got := l.addToken(record); got != metaOK {
			t.Fatalf("token %d: status %d", i, got)
		}
	}
	if got := l.addToken(TokenRecord{Hash: tokenHash(-1), Role: "reader"}); got != metaTokensFull {
		t.Errorf("one too many: status %d", got)
	}
	if got := l.addToken(TokenRecord{Hash: tokenHash(-1), Role: "reader"}); got != metaOK { // by now one has expired
		t.Errorf("in the place of one that has expired: status %d", got)
	}
	if _, ok := l.catalogue.Token(tokenHash(7)); ok || !slices.IsSortedFunc(l.catalogue.Tokens, func(a, b TokenRecord) int { return compareToken(a, b.Hash) }) {
		t.Error("the wrong one made room, or the order is lost")
	}
}

// TestAuditNotesWhatIsObeyed: what changes something is noted with who asked, and nothing else.
func TestAuditNotesWhatIsObeyed(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	first := func(data []byte, err error) int32 {
		t.Helper()
		var c metaCommand
		if err == nil {
			err = batchDecoding.Unmarshal(data, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		return l.later(laterCommand{First: &c}).Status
	}
	first(DeployCommand("counter", testRun(1, 5), SnapshotDefault))
	if got := first(DeployCommand("counter", testRun(1, 5), SnapshotDefault)); got != metaExists {
		t.Errorf("the same again: status %d", got)
	}
	first(DeployCommand("counter", testRun(1, 5), SnapshotExport))
	first(BeginUpgradeCommand(UpgradeRequest{Machine: "counter"}, testRun(2, 5)))
	first(AddNodeCommand(NodeRecord{ID: 4, PeerAddress: "h:1"}))
	first(MoveNodeCommand(4, NodeVoter))
	first(MoveNodeCommand(4, NodeLeaving))
	first(DeleteCommand(DeleteRequest{Machine: "counter", Group: 2}))
	l.addToken(TokenRecord{Hash: tokenHash(1), Name: "ci", Role: "writer"})
	l.later(laterCommand{RevokeToken: &revokeTokenCommand{Hash: tokenHash(1), Name: "ci"}})
	l.later(laterCommand{Transferred: &transferredCommand{Machine: "counter", To: 2}})
	var got []string
	for _, r := range l.catalogue.Audit {
		if r.By != "ann" || r.At != int64(r.Index)+10 {
			t.Errorf("%+v", r)
		}
		got = append(got, r.Action+" "+r.Subject)
	}
	want := []string{
		"deploy counter", "deploy counter", "upgrade counter", "add-node n4", "promote-node n4", "remove-node n4", "delete counter",
		"create-token ci", "revoke-token ci", "transfer-leader counter",
	}
	if !slices.Equal(got, want) {
		t.Errorf("noted %q, want %q", got, want)
	}
	if l.catalogue.Audit[5].Detail != "" || l.catalogue.Audit[2].Detail != testRun(2, 5).Module.String() {
		t.Errorf("details: %+v", l.catalogue.Audit)
	}
}

func TestAuditIsBounded(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	for range AuditMax + 3 {
		l.later(laterCommand{Transferred: &transferredCommand{To: 2}})
	}
	if n := len(l.catalogue.Audit); n != AuditMax || uint64(l.catalogue.Audit[n-1].Index) != l.index || uint64(l.catalogue.Audit[0].Index) != l.index-AuditMax+1 {
		t.Errorf("%d records, the last of index %d", n, l.catalogue.Audit[n-1].Index)
	}
}

// TestTokensNeedTheirLevel: below it no replica may differ from one of the first release.
func TestTokensNeedTheirLevel(t *testing.T) {
	l := newMetaLog(t, Level1, Level2)
	if got := l.addToken(TokenRecord{Hash: tokenHash(1), Role: "reader"}); got != metaMalformed || len(l.catalogue.Tokens)+len(l.catalogue.Audit) != 0 {
		t.Errorf("status %d, %+v", got, l.catalogue)
	}
}
