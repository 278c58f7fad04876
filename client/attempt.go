package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/tracecontext"
)

// Bounds on what a client reads from a server.
const (
	answerBytesMax  = 256 << 20
	problemBytesMax = 64 << 10
	// answerTimeShare is the part of an attempt's time the server is given, so
	// that its own "timed out", which knows the index, arrives before ours.
	answerTimeShare = 0.95
)

// call is one request in a form that can be sent again.
type call struct {
	// request is the call in the native protocol, nil when it has no word for it. Of
	// such a call, method to size are filled in where it goes over HTTP.
	request *wire.Request

	method string
	path   string
	query  string
	header http.Header
	// body opens the body once per attempt; nil is an empty one.
	body func() (io.ReadCloser, error)
	size int64
	// consume takes the body of a success as it comes, instead of the answer's.
	consume func(io.Reader) error
	// machine lets the call go to that machine's leader; "" does not.
	machine string
	// repeatable calls may be sent again when their outcome is unknown.
	repeatable bool
	// wait is how long the server may wait before it gets to work.
	wait time.Duration
	// patient calls go on through rounds in which no server was reached.
	patient bool
	// page calls take an answer of any status for one, if it is not a problem.
	page bool
	// anywhere calls ask any replica as well, so that one which has halted is passed by.
	anywhere bool
	// nearby calls are answered by any node as well as by any other, so the nearest is asked first.
	nearby bool
	// whole calls get all the time there is for one attempt: uploads, deploys.
	whole bool
}

// bytesBody opens data again for every attempt.
func bytesBody(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// answer is a successful answer, read to its end.
type answer struct {
	status int
	body   []byte
	// said is what the answer says about itself, from headers or a frame.
	said wire.Answer
	// time is the server's clock, of pages alone.
	time time.Time
}

// attempt sends k once. On failure the problem's outcome is what this one attempt
// can have done.
func (c *Client) attempt(ctx context.Context, host string, k *call) (answer, *Problem) {
	if k.request == nil || c.config.Protocol == ProtocolHTTP {
		return c.attemptHTTP(ctx, host, k)
	}
	if c.config.Protocol == ProtocolNative {
		n, err := c.natives.reach(ctx, host)
		if err != nil {
			return answer{}, transportProblem(err, host, false)
		}
		if n.has(k.request.Kind) {
			return n.attempt(ctx, k)
		}
		return c.attemptHTTP(ctx, host, k)
	}
	if n := c.natives.ready(host); n != nil && n.has(k.request.Kind) {
		return n.attempt(ctx, k)
	}
	return c.attemptHTTP(ctx, host, k)
}

// attempt is Client.attempt over the native protocol.
func (n *nativeConn) attempt(ctx context.Context, k *call) (answer, *Problem) {
	if p := checkData(k.request); p != nil {
		return answer{}, p
	}
	r := *k.request
	r.TimeoutMillis = uint64(answerTime(ctx).Milliseconds())
	if n.alpn != wire.ALPN1 { // Why: nodes of the release before refuse it
		r.TraceParent, r.TraceState = tracecontext.Of(ctx)
	}
	a, sent, err := n.ask(ctx, &r)
	if err != nil {
		return answer{}, transportProblem(err, n.host, sent)
	}
	return answerOf(a, n.host)
}

// answerTime is how long the server may take, 0 when nothing bounds it.
func answerTime(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Duration(float64(time.Until(end)) * answerTimeShare)
	return min(max(left, time.Millisecond), TimeoutMax).Round(time.Millisecond)
}

// attemptHTTP is attempt over HTTP.
func (c *Client) attemptHTTP(ctx context.Context, host string, k *call) (answer, *Problem) {
	k.overHTTP()
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	req, p := newRequest(httptrace.WithClientTrace(ctx, trace), host, k)
	if p != nil {
		return answer{}, p
	}
	if c.config.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.config.Token)
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, transportProblem(err, host, sent.Load())
	}
	defer res.Body.Close()
	if offer := res.Header.Get("Alt-Svc"); offer != "" && c.config.Protocol == ProtocolAuto {
		c.natives.offered(host, offer)
	}
	if k.page {
		return readPage(res, host)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		if k.consume != nil {
			return answer{status: res.StatusCode}, consumed(k.consume(res.Body), host)
		}
		data, err := readAnswer(res)
		if err != nil {
			return answer{}, transportProblem(err, host, true)
		}
		return answer{status: res.StatusCode, body: data, said: said(res.Header)}, nil
	}
	return answer{}, readProblem(res, host)
}

// consumed is what became of a body that somebody took.
func consumed(err error, host string) *Problem {
	if err == nil {
		return nil
	}
	p := transportProblem(err, host, true)
	p.Retryable = false // Why: what was taken is taken
	return p
}

func newRequest(ctx context.Context, host string, k *call) (*http.Request, *Problem) {
	req := &http.Request{
		Method: k.method,
		URL:    &url.URL{Scheme: "https", Host: host, Path: k.path, RawQuery: k.query},
		Header: k.header.Clone(),
		Host:   host,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if req.Header == nil {
		req.Header = make(http.Header, 2)
	}
	if k.body != nil {
		b, err := k.body()
		if err != nil {
			return nil, NewProblem(CodeLocalFile, "%v", err).WithCause(err)
		}
		req.Body, req.ContentLength = b, k.size
		if k.size == 0 {
			req.Body = http.NoBody
		}
	}
	tracecontext.SetHeader(ctx, req.Header)
	if left := answerTime(ctx); left > 0 {
		req.Header.Set(HeaderTimeout, left.String())
	}
	return req.WithContext(ctx), nil
}

// readAnswer reads the body of a success, at once when its size is known.
func readAnswer(res *http.Response) ([]byte, error) {
	if res.ContentLength > answerBytesMax {
		return nil, fmt.Errorf("client: the answer has %d bytes, the limit is %d", res.ContentLength, answerBytesMax)
	}
	if res.ContentLength >= 0 {
		data := make([]byte, res.ContentLength)
		_, err := io.ReadFull(res.Body, data)
		return data, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, answerBytesMax+1))
	if err == nil && len(data) > answerBytesMax {
		err = fmt.Errorf("client: the answer has more than %d bytes", answerBytesMax)
	}
	return data, err
}

// readProblem reads the answer of a failure.
func readProblem(res *http.Response, host string) *Problem {
	data, err := io.ReadAll(io.LimitReader(res.Body, problemBytesMax))
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	var p Problem
	if err == nil && kind == ProblemMediaType {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.Code == "" {
		return NewProblem(CodeBadAnswer, "%s answers %s without a problem this API describes", host, res.Status)
	}
	if p.Index == 0 {
		p.Index, _ = strconv.ParseUint(res.Header.Get(HeaderIndex), 10, 64)
	}
	if s, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16); err == nil {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return &p
}

// transportProblem words a failure below HTTP or the native protocol. sent says whether any of the
// request may have reached the server.
func transportProblem(err error, host string, sent bool) *Problem {
	var (
		local  *Problem
		closed *quicgo.ApplicationError
	)
	switch {
	case errors.As(err, &local):
		return local
	case isNoCertificate(err) && errors.As(err, &closed):
		return NewProblem(CodeNoCertificate, "%s", closed.ErrorMessage).WithCause(err)
	case isTLS(err):
		return NewProblem(CodeTLS, "%s: %v", host, err).WithCause(err)
	case !sent && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		return NewProblem(CodeTimeout, "%s: %v before the request was sent", host, err).WithCause(err)
	case !sent:
		return NewProblem(CodeUnreachable, "%s: %v", host, err).WithCause(err)
	default:
		return NewProblem(CodeConnectionLost, "%s: %v", host, err).WithCause(err)
	}
}

// isNoCertificate reports a native connection that the node closed for want of a certificate.
func isNoCertificate(err error) bool {
	var closed *quicgo.ApplicationError
	return errors.As(err, &closed) && closed.ErrorCode == quicgo.ApplicationErrorCode(wire.CloseNoCertificate)
}

// isTLS reports a failed handshake, as this side or the server saw it. With TLS
// 1.3 a refused client certificate shows only at the first read, as an alert; no
// request was answered before it, since the server's handshake never ended.
func isTLS(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		header tls.RecordHeaderError
		host   x509.HostnameError
		op     *net.OpError
	)
	var quic *quicgo.TransportError
	if errors.As(err, &quic) && quic.ErrorCode.IsCryptoError() && !strings.Contains(quic.Error(), "no application protocol") {
		return true
	}
	if errors.As(err, &verify) || errors.As(err, &header) || errors.As(err, &host) {
		return true
	}
	// Why by text: crypto/tls keeps the type of an alert to itself, and other
	// alerts may end a connection that has carried requests.
	return errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Err.Error(), "certificate")
}
