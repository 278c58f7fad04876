package api_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/apitest"
)

// checkEnd reads a stream to its end, which has to be a problem, counted for a reason.
func checkEnd(t *testing.T, s *apitest.Server, in lines, code client.Code, reason string) {
	t.Helper()
	last := ""
	for {
		line, err := in.in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line != "\n" {
			last = line
		}
	}
	if !strings.HasPrefix(last, "data: ") || !strings.Contains(last, string(code)) {
		t.Errorf("it ended with %q, want %s", last, code)
	}
	if metrics := newCaller(t, s, s.RoleTLS(t, pki.RoleAdmin)).do(t, "GET", "/metrics", nil).body; !strings.Contains(metrics, `wraft_event_streams_ended_total{reason="`+reason+`"} 1`) {
		t.Errorf("it was not counted as %s", reason)
	}
}

// TestShutdownEndsStreams, of readers who wait and of those who are always behind.
func TestShutdownEndsStreams(t *testing.T) {
	for _, path := range []string{eventsPath, logsPath} {
		b, c, s := setup(t, apitest.Options{})
		b.LogFlood("counter")
		stream := c.open(t, path)
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), shutdownDeadline)
			defer cancel()
			done <- s.API.Shutdown(ctx)
		}()
		last := ""
		for {
			line, err := stream.in.ReadString('\n')
			if err != nil {
				break
			}
			if line != "\n" {
				last = line
			}
		}
		if !strings.Contains(last, string(client.CodeShuttingDown)) {
			t.Errorf("%s ended with %q", path, last)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestARevokedReaderIsCutOff when the next sign of life is due, be there more to send or not.
func TestARevokedReaderIsCutOff(t *testing.T) {
	for name, row := range map[string]struct {
		path  string
		token bool
		code  client.Code
	}{
		"certificate":     {eventsPath, false, client.CodeNoCertificate},
		"token":           {eventsPath, true, client.CodeBadToken},
		"who lags behind": {logsPath, false, client.CodeNoCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c, s := setup(t, apitest.Options{})
			b.LogFlood("counter")
			if row.token {
				c = newCaller(t, s, s.AnonymousTLS())
				c.token = b.AddToken(pki.RoleReader, time.Time{})
			}
			stream := c.open(t, row.path)
			if row.token {
				hash, err := pki.HashToken(c.token)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.RevokeToken(t.Context(), hash.ID()); err != nil {
					t.Fatal(err)
				}
			} else {
				s.Revoke(t)
			}
			checkEnd(t, s, stream, row.code, "access")
		})
	}
}

// TestAnExpiredCallerCountsNoMore on a connection that stands.
func TestAnExpiredCallerCountsNoMore(t *testing.T) {
	begin := time.Now()
	authority, err := pki.NewAuthority("test", begin)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueClient("ci", pki.RoleAdmin, begin, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pair.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pki.ParseTrust(authority.CertPEM())
	if err != nil {
		t.Fatal(err)
	}
	check := api.Standing([]*x509.Certificate{leaf}, trust, "test")
	for _, now := range []time.Time{begin, leaf.NotAfter.Add(-time.Second), leaf.NotAfter} {
		if err := check(now); err != nil {
			t.Errorf("%v before its end: %v", leaf.NotAfter.Sub(now), err)
		}
	}
	for _, late := range []time.Duration{time.Millisecond, time.Hour} {
		var p *client.Problem
		if err := check(leaf.NotAfter.Add(late)); !errors.As(err, &p) || p.Code != client.CodeNoCertificate {
			t.Errorf("%v after its end: %v", late, err)
		}
	}
}
