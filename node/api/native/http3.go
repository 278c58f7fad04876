package native

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api"
)

const (
	headerBytesMax     = 64 << 10
	requestIdleTimeout = 2 * time.Minute
	// answerTime is what an answer has beyond its request's time.
	answerTime = 10 * time.Second
)

// quicLinger is how long clients have to take their last answers and to leave by themselves.
const quicLinger = time.Second

// overQUIC is the API over HTTP/3: the same handler with the bounds of the other versions.
type overQUIC struct {
	server *http3.Server
	log    *slog.Logger

	mu      sync.Mutex // guards the fields below
	running int        // requests
	ending  bool
	idle    chan struct{} // closed when it ends and no request runs
}

func newOverQUIC(handler http.Handler, log *slog.Logger) *overQUIC {
	q := &overQUIC{log: log, idle: make(chan struct{})}
	q.server = &http3.Server{
		Handler: q.bounded(handler), MaxHeaderBytes: headerBytesMax, IdleTimeout: requestIdleTimeout,
		ConnContext: func(ctx context.Context, _ *quicgo.Conn) context.Context { return api.WithCaller(ctx) },
		Logger:      slog.New(slog.DiscardHandler), // Why: what it reports are strangers' failures
	}
	return q
}

// bounded gives a request the time that net/http's server gives it over TCP.
func (q *overQUIC) bounded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.count(1)
		defer q.count(-1)
		control, now := http.NewResponseController(w), time.Now()
		if err := errors.Join(control.SetReadDeadline(now.Add(client.TimeoutMax)), control.SetWriteDeadline(now.Add(client.TimeoutMax+answerTime))); err != nil {
			q.log.Error("a request over HTTP/3 has no bounds of time", "error", err)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	})
}

func (q *overQUIC) count(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running += n
	q.settle()
}

// settle says once that no request runs any more; mu is held.
func (q *overQUIC) settle() {
	if !q.ending || q.running > 0 {
		return
	}
	select {
	case <-q.idle:
	default:
		close(q.idle)
	}
}

// shutdown takes no further requests, waits for those that run, and closes connections. When
// ctx ends first it cuts them and returns ctx's error.
func (q *overQUIC) shutdown(ctx context.Context) error {
	q.mu.Lock()
	q.ending = true
	q.settle()
	q.mu.Unlock()
	patience, cancel := context.WithCancel(ctx)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- q.server.Shutdown(patience) }()
	select {
	case <-left: // all have gone by themselves
		return nil
	case <-q.idle:
		select {
		case <-left:
			return nil
		case <-time.After(quicLinger):
		case <-ctx.Done():
		}
		cancel()
		<-left
		return nil
	case <-ctx.Done():
		<-left
		return ctx.Err()
	}
}

// serve answers the requests of a connection and returns when it has ended.
func (q *overQUIC) serve(conn *quicgo.Conn) {
	// Why the errors are dropped: the first is how the connection ended, which is the client's
	// affair, and one that is refused at the end is not closed otherwise.
	_ = q.server.ServeQUICConn(conn)
	_ = conn.CloseWithError(quicgo.ApplicationErrorCode(http3.ErrCodeNoError), "")
}

// AltSvcHTTP3 is what Alt-Svc says of HTTP/3 on the port of address.
func AltSvcHTTP3(address net.Addr) string {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return ""
	}
	return `h3=":` + port + `"`
}
