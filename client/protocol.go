package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/wraft/wraft/client/wire"
)

// Protocol is how a Client speaks to nodes. It changes no call's meaning.
type Protocol string

// The protocols a Client can be told to use.
const (
	// ProtocolAuto, the default, begins with HTTP and goes over to the native protocol
	// with each node that offers it and is reached by it. When it is not, or no longer,
	// such as where UDP is blocked, HTTP goes on.
	ProtocolAuto Protocol = "auto"
	// ProtocolHTTP uses HTTP alone.
	ProtocolHTTP Protocol = "http"
	// ProtocolNative uses the native protocol, QUIC on the API's port, for everything
	// it has: commands, batches, queries, sessions, events and the description of a machine. Of
	// a node of the first release, batches and events go over HTTP.
	ProtocolNative Protocol = "native"
)

// Valid reports whether p is one of the constants, or empty.
func (p Protocol) Valid() bool {
	return p == "" || p == ProtocolAuto || p == ProtocolHTTP || p == ProtocolNative
}

// noConsistency is sent for one that this package does not know; nodes refuse it.
const noConsistency = 255

var consistencies = map[Consistency]wire.Consistency{
	"": wire.Linearizable, Linearizable: wire.Linearizable, Stale: wire.Stale, Lease: wire.Lease,
}

// queryRequest is a query as a request. The rest of a millisecond is waited for, too.
func queryRequest(machine string, q Query) *wire.Request {
	r := &wire.Request{
		Kind: wire.KindQuery, Machine: machine, Data: q.Data, MinIndex: q.MinIndex, WaitMillis: uint64((q.Wait + time.Millisecond - 1) / time.Millisecond),
		MaxStalenessMillis: staleMillis(q.MaxStaleness),
	}
	var known bool
	if r.Consistency, known = consistencies[q.Consistency]; !known {
		r.Consistency = noConsistency
	}
	return r
}

// staleMillis rounds down, so that nothing older is let through, but not to "no bound".
func staleMillis(d time.Duration) uint64 {
	if d == 0 {
		return 0
	}
	return uint64(max(d/time.Millisecond, 1))
}

// overHTTP puts a request of the native protocol into the words of HTTP, once.
func (k *call) overHTTP() {
	if k.request == nil || k.method != "" {
		return
	}
	r := k.request
	k.method, k.path = http.MethodPost, machinePath(r.Machine)
	switch r.Kind {
	case wire.KindCommand:
		k.path += "/commands"
		k.body, k.size = bytesBody(r.Data), int64(len(r.Data))
		if r.Session != 0 {
			k.header = http.Header{
				HeaderSession:           {SessionID(r.Session).String()},
				HeaderSequence:          {strconv.FormatUint(r.Sequence, 10)},
				HeaderAcknowledgedBelow: {strconv.FormatUint(r.AcknowledgedBelow, 10)},
			}
		}
		if r.Key != "" {
			k.header = http.Header{HeaderIdempotencyKey: {r.Key}}
		}
	case wire.KindQuery:
		k.path += "/queries"
		k.body, k.size = bytesBody(r.Data), int64(len(r.Data))
	case wire.KindSession:
		k.path += "/sessions"
	case wire.KindBatch:
		k.batchOverHTTP()
	default:
		k.method = http.MethodGet
	}
}

// queryParams are the parameters of a query over HTTP.
func queryParams(q Query) string {
	if q.Consistency == "" && q.MinIndex == 0 && q.Wait == 0 && q.MaxStaleness == 0 {
		return ""
	}
	v := make(url.Values, 4)
	if q.Consistency != "" {
		v.Set("consistency", string(q.Consistency))
	}
	if q.MinIndex != 0 {
		v.Set("min-index", strconv.FormatUint(q.MinIndex, 10))
	}
	if q.MaxStaleness != 0 {
		v.Set("max-staleness", q.MaxStaleness.String())
	}
	if q.Wait != 0 {
		v.Set("wait", q.Wait.String())
	}
	return v.Encode()
}

// said is what the headers of an answer over HTTP say.
func said(h http.Header) wire.Answer {
	number := func(name string) uint64 {
		n, _ := strconv.ParseUint(h.Get(name), 10, 64)
		return n
	}
	a := wire.Answer{
		Index: number(HeaderIndex), Term: number(HeaderTerm), Replayed: h.Get(HeaderReplayed) == "true", Leader: h.Get(HeaderLeader),
		Applied: number(HeaderAppliedIndex), StalenessMillis: -1,
	}
	if h.Get(HeaderStaleness) != "" {
		a.StalenessMillis = int64(number(HeaderStaleness))
	}
	return a
}

// openedSession reads the answer to a registration.
func openedSession(a answer) (SessionID, error) {
	opened := struct {
		Session SessionID `json:"session"`
	}{SessionID(a.said.Session)}
	if len(a.body) > 0 {
		if err := decode(a, &opened); err != nil {
			return 0, err
		}
	}
	if opened.Session == 0 {
		return 0, NewProblem(CodeBadAnswer, "the registered session is 0")
	}
	return opened.Session, nil
}

// answerOf is what a node answered over the native protocol.
func answerOf(a *wire.Answer, host string) (answer, *Problem) {
	if a.Problem == nil {
		return answer{status: http.StatusOK, body: a.Data, said: *a}, nil
	}
	var p Problem
	if err := json.Unmarshal(a.Problem, &p); err != nil || p.Code == "" {
		return answer{}, NewProblem(CodeBadAnswer, "%s answers with a problem that is none: %.80q", host, a.Problem)
	}
	p.RetryAfter = time.Duration(a.RetryAfterMillis) * time.Millisecond
	return answer{}, &p
}

// checkData refuses what does not fit into a frame.
func checkData(r *wire.Request) *Problem {
	if len(r.Data) <= wire.DataBytesMax {
		return nil
	}
	return NewProblem(CodeCommandTooLarge, "%s", fmt.Sprintf("%d bytes are more than the %d that any cluster takes", len(r.Data), wire.DataBytesMax))
}
