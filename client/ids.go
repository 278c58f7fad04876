package client

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// NodeID names one node of a cluster for all its lives; 0 is no node.
type NodeID uint64

// String is the decimal form that command lines and tables show.
func (id NodeID) String() string { return strconv.FormatUint(uint64(id), 10) }

// GroupID names one Raft group; 1 is the meta group, 0 is no group.
type GroupID uint64

// String is the decimal form that tables show.
func (id GroupID) String() string { return strconv.FormatUint(uint64(id), 10) }

// SessionID names an exactly-once session of one machine; 0 is no session.
//
// It travels as a decimal string in JSON and headers, because it uses all 64
// bits and many JSON readers keep only 53.
type SessionID uint64

// String is the decimal form that travels.
func (id SessionID) String() string { return strconv.FormatUint(uint64(id), 10) }

// MarshalText is String, so that JSON carries a string.
func (id SessionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *SessionID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("client: session %q is no decimal number of 64 bits", text)
	}
	*id = SessionID(n)
	return nil
}

// Digest names a module by its content: "sha256:" and 64 lower-case hexadecimal
// digits of the SHA-256 of the uploaded bytes.
type Digest string

const digestPrefix = "sha256:"

// DigestOf is the digest of a module.
func DigestOf(module []byte) Digest {
	sum := sha256.Sum256(module)
	return DigestFromSum(sum)
}

// DigestFromSum is the digest that a finished SHA-256 sum names.
func DigestFromSum(sum [sha256.Size]byte) Digest {
	return Digest(digestPrefix + hex.EncodeToString(sum[:]))
}

// ParseDigest checks the written form of a digest. The error says what is wrong
// with it; fix the input.
func ParseDigest(text string) (Digest, error) {
	digits, ok := strings.CutPrefix(text, digestPrefix)
	if !ok {
		return "", fmt.Errorf("client: digest %.80q: it must begin with %q", text, digestPrefix)
	}
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != sha256.Size || digits != strings.ToLower(digits) {
		return "", fmt.Errorf("client: digest %.80q: %q must be followed by 64 lower-case hexadecimal digits", text, digestPrefix)
	}
	return Digest(text), nil
}

// Sum is the raw SHA-256 a digest names. ok is false when d is not well formed.
func (d Digest) Sum() (sum [sha256.Size]byte, ok bool) {
	if _, err := ParseDigest(string(d)); err != nil {
		return sum, false
	}
	raw, err := hex.DecodeString(string(d[len(digestPrefix):]))
	return [sha256.Size]byte(raw), err == nil
}

// Short is the first twelve digits, enough for a person to tell modules apart.
func (d Digest) Short() string {
	const shortDigits = 12
	digits := strings.TrimPrefix(string(d), digestPrefix)
	return digits[:min(shortDigits, len(digits))]
}
