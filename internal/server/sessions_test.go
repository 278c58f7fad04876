package server

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// TestSessionsOutliveTheirMachine: a program whose machine was deleted, and created anew under
// its name, goes on in a session that it registers by itself, over either protocol, and is not
// answered what others were told.
func TestSessionsOutliveTheirMachine(t *testing.T) {
	c := oneNode(t, "twice")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var err error
	if c.APIConn, err = listenUDP(ctx, c.APIListener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	s, err := start(t, c)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	admin := apiClient(t, c, s, "")
	module := string(increaser())
	digest := client.DigestOf([]byte(module))
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(module)), nil }
	if _, _, err := admin.PutModule(ctx, digest, int64(len(module)), open); err != nil {
		t.Fatal(err)
	}
	deploy := func() {
		t.Helper()
		if _, _, err := admin.Deploy(ctx, "increaser", client.DeploySpec{Module: digest}); err != nil {
			t.Fatal(err)
		}
	}
	register := func(p client.Protocol) *client.Session {
		t.Helper()
		one, err := apiClientOver(t, c, s, "", p).Register(ctx, "increaser")
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	count := uint32(0)
	increase := func(who *client.Session) {
		t.Helper()
		count++
		r, err := who.Command(ctx, []byte("one more"))
		if err != nil || r.Replayed || len(r.Data) != 4 || binary.LittleEndian.Uint32(r.Data) != count {
			t.Errorf("%+v, %v, want %d", r, err, count)
		}
	}
	deploy()
	old := []*client.Session{register(client.ProtocolHTTP), register(client.ProtocolNative)}
	for _, who := range old {
		increase(who)
	}
	if _, err := admin.Delete(ctx, "increaser", 0); err != nil {
		t.Fatal(err)
	}
	deploy()
	count = 0
	young := []*client.Session{register(client.ProtocolNative), register(client.ProtocolHTTP)}
	for i, who := range young {
		increase(who)
		increase(who)
		increase(old[i])
		if old[i].ID() == who.ID() {
			t.Errorf("the old session and the new one are both %v", who.ID())
		}
	}
}
