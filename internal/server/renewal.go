package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// renewalPause is how often the files of the identity are looked at.
	renewalPause = 10 * time.Second
	// expiryWarnings is how often a certificate that is about to expire is mentioned.
	expiryWarnings = 24 * time.Hour
	// expiryShare is the last part of a certificate's validity in which it is: a tenth.
	expiryShare = 10
)

// renewal takes over certificates, authorities and lists of what is revoked when their
// files change, and says when nobody does it in time.
type renewal struct {
	id *identity
	// recheck ends connections that are not trusted any more.
	recheck func()
	log     *slog.Logger
	pause   time.Duration
	// stuck is whether the files there are now could not be used.
	stuck atomic.Bool

	// What follows is run's own.
	said   string    // of the files, last
	warned time.Time // of the expiry
}

// run looks at the files until ctx ends.
func (r *renewal) run(ctx context.Context) {
	ticker := time.NewTicker(r.pause)
	defer ticker.Stop()
	for {
		r.warn(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.look()
		}
	}
}

// look takes new files over. Why an error is no end: they may be half replaced, and the
// next look finds them whole.
func (r *renewal) look() {
	changed, err := r.id.renew()
	r.stuck.Store(err != nil)
	switch {
	case err != nil && err.Error() != r.said:
		r.said = err.Error()
		r.log.Error("the files of this node's identity have changed and cannot be used; it goes on with those before", "err", err)
	case err == nil:
		r.said = ""
	}
	if !changed {
		return
	}
	r.warned = time.Time{}
	r.log.Info("certificates renewed", "expires", r.id.current.Load().leaf.NotAfter)
	r.recheck()
}

// warn says once a day that the certificate is about to expire.
func (r *renewal) warn(now time.Time) {
	leaf := r.id.current.Load().leaf
	if leaf.NotAfter.Sub(now) > leaf.NotAfter.Sub(leaf.NotBefore)/expiryShare || now.Sub(r.warned) < expiryWarnings {
		return
	}
	r.warned = now
	r.log.Warn("this node's certificate expires soon, and then nobody connects to it any more; issue a new one with `wraftd certs issue` and replace the files",
		"expires", leaf.NotAfter, "left", leaf.NotAfter.Sub(now).Round(time.Minute).String())
}
