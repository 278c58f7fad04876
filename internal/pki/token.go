package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	// tokenPrefix begins a token, so that a scanner for leaked secrets, and whoever finds one
	// in a file, knows what it is.
	tokenPrefix = "wraft_"
	// tokenSecretBytes is the random part: 256 bits, which nobody guesses.
	tokenSecretBytes = 32
	// tokenIDBytes of the hash name a token.
	tokenIDBytes = 8
)

// ErrBadToken: the text has not the form of a token. Check that all of it was copied.
var ErrBadToken = errors.New("pki: not a token")

// TokenHash is the SHA-256 of a token: all that a cluster keeps of it. Why no salt and no
// slow hash: of 256 random bits nothing can be tried out.
type TokenHash [sha256.Size]byte

// ID names a token in lists and is no secret: 16 hex digits.
func (h TokenHash) ID() string { return hex.EncodeToString(h[:tokenIDBytes]) }

// NewToken makes a token from the system's randomness.
func NewToken() (token string, hash TokenHash) {
	var secret [tokenSecretBytes]byte
	// Why no error: rand.Read never returns one, it ends the program.
	_, _ = rand.Read(secret[:])
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	return token, sha256.Sum256([]byte(token))
}

// HashToken is the hash of what has the form of a token; ErrBadToken otherwise. What it does
// for a stranger's text is bounded: a text of another length is not looked at.
func HashToken(token string) (TokenHash, error) {
	digits, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(digits) != base64.RawURLEncoding.EncodedLen(tokenSecretBytes) {
		return TokenHash{}, fmt.Errorf("%w: it begins with %s and has %d characters more", ErrBadToken, tokenPrefix, base64.RawURLEncoding.EncodedLen(tokenSecretBytes))
	}
	// Why the count too: the decoder passes over ends of lines.
	if secret, err := base64.RawURLEncoding.Strict().DecodeString(digits); err != nil || len(secret) != tokenSecretBytes {
		return TokenHash{}, fmt.Errorf("%w: it has a character that no token has", ErrBadToken)
	}
	return sha256.Sum256([]byte(token)), nil
}
