package quic

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/transport/wire"
)

// Reason says why a connection was refused or ended for what came over it.
type Reason string

// The reasons, as in metrics and logs.
const (
	ReasonNoCertificate  Reason = "no-certificate"    // the dialling side showed none
	ReasonExpired        Reason = "expired"           // the certificate is expired or not yet valid
	ReasonRevoked        Reason = "revoked"           // its authority took the certificate back
	ReasonAuthority      Reason = "foreign-authority" // the certificate is from no authority of ours
	ReasonBadCertificate Reason = "bad-certificate"   // the certificate or its chain is wrong in another way
	ReasonProtocol       Reason = "protocol"          // another ALPN, or no TLS 1.3
	ReasonNotANode       Reason = "not-a-node"        // a certificate without a node's identity, a client's say
	ReasonCluster        Reason = "foreign-cluster"   // another cluster's node
	ReasonWrongNode      Reason = "wrong-node"        // not the node that was dialled, or ourselves
	ReasonUnknownPeer    Reason = "unknown-peer"      // a node of the cluster that is not in the peer list
	ReasonHello          Reason = "hello"             // the hello and the certificate disagree, or it came not in time
	ReasonVersion        Reason = "version"           // no common version of the protocol
	ReasonStale          Reason = "stale"             // not newer than the connection that stands
	ReasonMalformed      Reason = "malformed"         // bytes no correct peer sends
	ReasonBusy           Reason = "busy"              // too many handshakes at once
	ReasonByPeer         Reason = "refused-by-peer"   // the other side refused us
)

// Reasons lists all of them.
func Reasons() []Reason {
	return []Reason{
		ReasonNoCertificate, ReasonExpired, ReasonRevoked, ReasonAuthority, ReasonBadCertificate, ReasonProtocol, ReasonNotANode, ReasonCluster,
		ReasonWrongNode, ReasonUnknownPeer, ReasonHello, ReasonVersion, ReasonStale, ReasonMalformed, ReasonBusy, ReasonByPeer,
	}
}

// Application error codes of closed connections; part of the format.
const (
	codeShutdown    quicgo.ApplicationErrorCode = 0
	codeReplaced    quicgo.ApplicationErrorCode = 1
	codeVersion     quicgo.ApplicationErrorCode = 2
	codeCluster     quicgo.ApplicationErrorCode = 3
	codeHello       quicgo.ApplicationErrorCode = 4
	codeUnknownPeer quicgo.ApplicationErrorCode = 5
	codeStale       quicgo.ApplicationErrorCode = 6
	codeMalformed   quicgo.ApplicationErrorCode = 7
	codeBusy        quicgo.ApplicationErrorCode = 8
	// codeEnds: the process that closes the connection ends.
	codeEnds quicgo.ApplicationErrorCode = 9
	// codeDistrusted: the peer's certificate was good when the connection began.
	codeDistrusted quicgo.ApplicationErrorCode = 10
	// codeNarrow: large packets do not arrive any more.
	codeNarrow quicgo.ApplicationErrorCode = 11
)

// TLS alerts by which a failed handshake shows its reason (RFC 8446 §6), as QUIC
// error codes (RFC 9001 §4.8).
const (
	cryptoErrors            quicgo.TransportErrorCode = 0x100
	alertProtocolVersion                              = cryptoErrors + 70
	alertCertificateMissing                           = cryptoErrors + 116
	alertNoProtocol                                   = cryptoErrors + 120
	cryptoErrorsEnd                                   = cryptoErrors + 256
)

// refusal is an error with the reason it is counted under.
type refusal struct {
	reason Reason
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refuse(reason Reason, format string, args ...any) error {
	return &refusal{reason, fmt.Errorf(format, args...)}
}

// code is the application error code a connection is closed with for a reason.
func (r Reason) code() quicgo.ApplicationErrorCode {
	switch r {
	case ReasonVersion:
		return codeVersion
	case ReasonCluster:
		return codeCluster
	case ReasonUnknownPeer:
		return codeUnknownPeer
	case ReasonStale:
		return codeStale
	case ReasonMalformed:
		return codeMalformed
	case ReasonBusy:
		return codeBusy
	}
	return codeHello
}

// reasonOf finds the reason in an error of a handshake or a connection; ok is
// false when it was no refusal: a timeout, a peer that closed down.
func reasonOf(err error) (reason Reason, ok bool) {
	var own *refusal
	if errors.As(err, &own) {
		return own.reason, true
	}
	if errors.Is(err, wire.ErrMalformed) {
		return ReasonMalformed, true
	}
	var app *quicgo.ApplicationError
	if errors.As(err, &app) {
		return ReasonByPeer, app.Remote && app.ErrorCode > codeReplaced && app.ErrorCode != codeEnds && app.ErrorCode != codeNarrow
	}
	var tr *quicgo.TransportError
	if !errors.As(err, &tr) || tr.ErrorCode < cryptoErrors || tr.ErrorCode >= cryptoErrorsEnd {
		return "", false
	}
	return reasonOfCrypto(tr), true
}

// reasonOfCrypto sorts the failures of the TLS handshake.
func reasonOfCrypto(tr *quicgo.TransportError) Reason {
	switch {
	case tr.Remote:
		return ReasonByPeer
	case tr.ErrorCode == alertCertificateMissing:
		return ReasonNoCertificate
	case tr.ErrorCode == alertNoProtocol, tr.ErrorCode == alertProtocolVersion:
		return ReasonProtocol
	}
	return reasonOfChain(tr)
}

// reasonOfChain sorts what is wrong with a chain of certificates.
func reasonOfChain(err error) Reason {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, pki.ErrRevoked):
		return ReasonRevoked
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ReasonExpired
	case errors.As(err, &unknown):
		return ReasonAuthority
	}
	return ReasonBadCertificate
}

// refusals counts refusals and logs some of them.
type refusals struct {
	logger *slog.Logger

	mu     sync.Mutex // guards all below
	counts map[Reason]uint64
	logged map[Reason]time.Time
	hidden map[Reason]uint64 // since the last line
}

func newRefusals(logger *slog.Logger) *refusals {
	return &refusals{
		logger: logger, counts: map[Reason]uint64{},
		logged: map[Reason]time.Time{}, hidden: map[Reason]uint64{},
	}
}

// note counts err if it is a refusal, and logs it unless one with the same reason
// was logged a moment ago.
func (r *refusals) note(err error, attrs ...any) {
	reason, ok := reasonOf(err)
	if !ok {
		return
	}
	r.mu.Lock()
	r.counts[reason]++
	now := time.Now()
	due := now.Sub(r.logged[reason]) >= refusalLogsInterval
	hidden := r.hidden[reason]
	if due {
		r.logged[reason], r.hidden[reason] = now, 0
	} else {
		r.hidden[reason]++
	}
	r.mu.Unlock()
	if due {
		r.logger.Warn("peer connection refused", append([]any{"reason", string(reason), "err", err, "suppressed", hidden}, attrs...)...)
	}
}

func (r *refusals) snapshot() map[Reason]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}
