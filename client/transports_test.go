package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api/apitest"
)

// transport is one of the ways to a server; tests that take one hold over both.
type transport struct {
	protocol client.Protocol
	b        *apitest.Backend
	s        *apitest.Server
}

// overBoth runs a test over HTTP and over the native protocol, each with a server of its own.
// What the native protocol has must not go over HTTP.
func overBoth(t *testing.T, o apitest.Options, test func(*testing.T, transport)) {
	t.Helper()
	for _, protocol := range []client.Protocol{client.ProtocolHTTP, client.ProtocolNative} {
		t.Run(string(protocol), func(t *testing.T) {
			b, s := startNative(t, o)
			test(t, transport{protocol, b, s})
			if protocol == client.ProtocolNative && sum(t, s, "wraft_api_requests_total", "status", "200") != 0 {
				t.Error("some went over HTTP")
			}
		})
	}
}

// client is a client that asks twice at most.
func (w transport) client(t *testing.T, conf *tls.Config, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		Endpoints: []string{w.s.Address}, TLS: conf, Token: token, Protocol: w.protocol, AttemptsMax: 2, BackoffMax: time.Millisecond,
		Timeout: patience, AttemptTimeout: patience, // Why: what takes its time on a busy machine is not what is tried
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// calls are what both transports carry, and who may call it: r reader, w writer, d deployer,
// o operator, a admin, as in the table of node/api's access_test.go.
var calls = map[string]struct {
	who  string
	call func(context.Context, *client.Client) error
}{
	"command": {"wa", func(ctx context.Context, c *client.Client) error {
		_, err := c.Command(ctx, "counter", []byte("incr"))
		return err
	}},
	"key": {"wa", func(ctx context.Context, c *client.Client) error {
		_, err := c.KeyedCommand(ctx, "counter", "key", []byte("incr"))
		return err
	}},
	"session": {"wa", func(ctx context.Context, c *client.Client) error {
		_, err := c.Register(ctx, "counter")
		return err
	}},
	"batch": {"wa", func(ctx context.Context, c *client.Client) error {
		results, err := c.Batch(ctx, "counter", []client.BatchCommand{{Data: []byte("incr")}, {Data: []byte("incr"), Key: "batch"}})
		for _, r := range results {
			err = errors.Join(err, r.Err)
		}
		return err
	}},
	"query": {"rwdoa", func(ctx context.Context, c *client.Client) error {
		_, err := c.Query(ctx, "counter", client.Query{Data: []byte("get")})
		return err
	}},
	"events": {"rwdoa", func(ctx context.Context, c *client.Client) error {
		for _, err := range c.Events(ctx, "counter", client.EventQuery{Once: true}) {
			return err
		}
		return nil
	}},
	"machine": {"rwdoa", func(ctx context.Context, c *client.Client) error {
		_, err := c.Machine(ctx, "counter", false)
		return err
	}},
}

// roles are by the letter of calls; j is that of a token which lets a node in.
var roles = map[string]string{
	"r": pki.RoleReader, "w": pki.RoleWriter, "d": pki.Deployer("counter"), "o": pki.RoleOperator, "a": pki.RoleAdmin, "j": client.RoleJoin,
}

// TestRightsOverBothTransports: every role calls everything, with a certificate and with a token.
func TestRightsOverBothTransports(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		for letter, role := range roles {
			shown := map[string]*client.Client{"token": w.client(t, w.s.AnonymousTLS(), w.b.AddToken(role, time.Time{}))}
			if letter != "j" { // no certificate has that role
				shown["certificate"] = w.client(t, w.s.RoleTLS(t, role), "")
			}
			for by, c := range shown {
				for name, row := range calls {
					err := row.call(t.Context(), c)
					if may := strings.Contains(row.who, letter); may != (err == nil) || !may && !isCode(err, client.CodeNotAllowed) {
						t.Errorf("%s with the %s of a %s: %v", name, by, role, err)
					}
				}
			}
		}
	})
}

// TestBadTokensOverBothTransports are refused alike, whatever is asked.
func TestBadTokensOverBothTransports(t *testing.T) {
	unknown, _ := pki.NewToken()
	refused := map[string]map[string]client.Problem{} // by token and call
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		for kind, token := range map[string]string{
			"unknown": unknown, "no token": "nonsense", "expired": w.b.AddToken(pki.RoleAdmin, time.Unix(1e9, 0)),
		} {
			for _, conf := range []*tls.Config{w.s.AnonymousTLS(), w.s.ClientTLS(t)} { // a certificate does not help
				c := w.client(t, conf, token)
				for name, row := range calls {
					var p *client.Problem
					if err := row.call(t.Context(), c); !errors.As(err, &p) || p.Code != client.CodeBadToken {
						t.Fatalf("%s with a token that is %s: %v", name, kind, err)
					}
					key := kind + " " + name
					if refused[key] == nil {
						refused[key] = map[string]client.Problem{}
					}
					refused[key][string(w.protocol)] = *p
				}
			}
		}
	})
	for key, by := range refused {
		if by["http"] != by["native"] {
			t.Errorf("%s: over HTTP %+v\nnatively %+v", key, by["http"], by["native"])
		}
	}
}

// TestATokenDecidesOverBothTransports: beside a certificate that may do more, and no longer
// than it is good.
func TestATokenDecidesOverBothTransports(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		c := w.client(t, w.s.ClientTLS(t), w.b.AddToken(pki.RoleReader, time.Time{}))
		if err := calls["query"].call(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := calls["command"].call(t.Context(), c); !isCode(err, client.CodeNotAllowed) {
			t.Errorf("a reader by token, an admin by certificate: %v", err)
		}
		tokens, err := w.b.ListTokens(t.Context())
		if err != nil || len(tokens) != 1 {
			t.Fatalf("%v, %v", tokens, err)
		}
		if _, err := w.b.RevokeToken(t.Context(), tokens[0].ID); err != nil {
			t.Fatal(err)
		}
		for name, row := range calls {
			if err := row.call(t.Context(), c); !isCode(err, client.CodeBadToken) {
				t.Errorf("%s with a token that was revoked: %v", name, err)
			}
		}
	})
}

// TestStrangersOverBothTransports: neither token nor certificate.
func TestStrangersOverBothTransports(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		for _, conf := range []*tls.Config{w.s.AnonymousTLS(), w.s.StrangerTLS(t)} {
			c := w.client(t, conf, "")
			for name, row := range calls {
				if err := row.call(t.Context(), c); !isCode(err, client.CodeNoCertificate) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
	overBoth(t, apitest.Options{NoClientAuth: true}, func(t *testing.T, w transport) {
		for _, token := range []string{"", "nonsense"} { // everybody may do everything
			c := w.client(t, w.s.AnonymousTLS(), token)
			for name, row := range calls {
				if err := row.call(t.Context(), c); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}

func isCode(err error, code client.Code) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Code == code
}

// TestTokensAndOlderNodes: a node whose native protocol has no tokens is spoken to over HTTP, or
// the client says why it is not.
func TestTokensAndOlderNodes(t *testing.T) {
	b, s := startNative(t, apitest.Options{Versions: []string{wire.ALPN1}})
	token := b.AddToken(pki.RoleWriter, time.Time{})
	w := transport{client.ProtocolNative, b, s}
	err := calls["command"].call(t.Context(), w.client(t, s.AnonymousTLS(), token))
	if wantCode(t, err, client.CodeUnreachable, client.NotApplied); !strings.Contains(err.Error(), "older release") {
		t.Error(err)
	}
	if err := calls["command"].call(t.Context(), w.client(t, s.ClientTLS(t), "")); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	auto := transport{client.ProtocolAuto, b, s}.client(t, s.AnonymousTLS(), token)
	for range 20 {
		if err := calls["command"].call(t.Context(), auto); err != nil {
			t.Fatal(err)
		}
	}
}
