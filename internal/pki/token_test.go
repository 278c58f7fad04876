package pki

import (
	"errors"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	token, hash := NewToken()
	other, otherHash := NewToken()
	if token == other || hash == otherHash || hash.ID() == otherHash.ID() {
		t.Fatalf("two tokens are alike: %s, %s", token, other)
	}
	if got, err := HashToken(token); err != nil || got != hash {
		t.Errorf("%q: %v, %v, want %v", token, got, err, hash)
	}
	for _, bad := range []string{"", "wraft_", token[:len(token)-1], token + "x", "Wraft_" + token[6:], token[6:], token[:48] + "!", token[:20] + "\n" + token[21:], strings.Repeat("x", 1<<20)} {
		if got, err := HashToken(bad); !errors.Is(err, ErrBadToken) {
			t.Errorf("%.60q is taken as %v, %v", bad, got, err)
		}
	}
	if len(hash.ID()) != 16 || strings.Contains(token, hash.ID()) {
		t.Errorf("the ID of %s is %s", token, hash.ID())
	}
}
