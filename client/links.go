package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Defaults of a LinkSpec.
const (
	LinkSamplesDefault  = 500
	LinkIntervalDefault = 10 * time.Millisecond
	// linkGrace is what a measurement may take beside its samples: two transfers, and answers
	// that are under way.
	linkGrace = 30 * time.Second
)

// LinkSpec says what to measure of a link.
type LinkSpec struct {
	// Samples round trips are made, one each IntervalMicros, whether or not those before
	// have ended; 0: LinkSamplesDefault, LinkIntervalDefault.
	Samples        int   `json:"samples,omitempty"`
	IntervalMicros int64 `json:"interval_us,omitempty"`
	// Bytes are sent each way behind the samples, for ten seconds at most; 0: none.
	Bytes int64 `json:"bytes,omitempty"`
}

// WithDefaults returns the spec with zero fields set to their defaults.
func (s LinkSpec) WithDefaults() LinkSpec {
	if s.Samples == 0 {
		s.Samples = LinkSamplesDefault
	}
	if s.IntervalMicros == 0 {
		s.IntervalMicros = LinkIntervalDefault.Microseconds()
	}
	return s
}

// Takes is how long a measurement takes at most.
func (s LinkSpec) Takes() time.Duration {
	s = s.WithDefaults()
	return time.Duration(s.Samples)*time.Duration(s.IntervalMicros)*time.Microsecond + linkGrace
}

// LinkMeasure is what a link between two nodes did while it was measured, over their own
// connection.
type LinkMeasure struct {
	From NodeID `json:"from"`
	To   NodeID `json:"to"`
	// Samples were made, and Unanswered got no answer in time. The others took so long, both
	// nodes included.
	Samples    int   `json:"samples"`
	Unanswered int   `json:"unanswered"`
	P50Micros  int64 `json:"p50_us"`
	P90Micros  int64 `json:"p90_us"`
	P99Micros  int64 `json:"p99_us"`
	MaxMicros  int64 `json:"max_us"`
	// RTTMicros and RTTVarianceMicros are what the connection itself has measured, smoothed.
	RTTMicros         int64 `json:"rtt_us"`
	RTTVarianceMicros int64 `json:"rtt_variance_us"`
	// Sent and Received are the transfers from From to To and back.
	Sent     LinkTransfer `json:"sent"`
	Received LinkTransfer `json:"received"`
	// What became meanwhile of the packets from From to To: Packets were sent, of which the
	// path lost LostOnPath before the repair, as far as that counts them; Lost had to be
	// sent again, and Parity went out beside them.
	Packets    uint64 `json:"packets"`
	LostOnPath uint64 `json:"lost_on_path"`
	Lost       uint64 `json:"lost"`
	Parity     uint64 `json:"parity"`
	// FEC says whether losses are repaired: off, quiet or active.
	FEC string `json:"fec"`
}

// LinkTransfer is how many bytes arrived in which time since they were asked for.
type LinkTransfer struct {
	Bytes      int64 `json:"bytes"`
	TookMicros int64 `json:"took_us"`
}

// BytesPerSecond is the rate of the transfer; 0 when there was none.
func (t LinkTransfer) BytesPerSecond() float64 {
	if t.TookMicros == 0 {
		return 0
	}
	return float64(t.Bytes) / (float64(t.TookMicros) / 1e6)
}

// MeasureLink has the node that answers measure its link to another one. It fails with
// CodeLinkDown when none stands.
func (c *Client) MeasureLink(ctx context.Context, to NodeID, spec LinkSpec) (m LinkMeasure, err error) {
	ctx, cancel := c.bound(ctx, spec.Takes())
	defer cancel()
	data, err := json.Marshal(spec)
	if err != nil {
		return m, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	a, err := c.do(ctx, &call{
		method: http.MethodPost, path: fmt.Sprintf("/v1/cluster/links/%d", to), header: http.Header{"Content-Type": {"application/json"}},
		body: bytesBody(data), size: int64(len(data)), repeatable: true, whole: true,
	})
	if err != nil {
		return m, err
	}
	return m, decode(a, &m)
}

// LinkInfo is what became of the packets that the answering node has sent to another one,
// since it started.
type LinkInfo struct {
	// RTTVarianceMicros is the mean deviation of round trips, of the connection that stands.
	RTTVarianceMicros int64 `json:"rtt_variance_us"`
	// Packets were sent, of which the path lost LostOnPath, as far as that was counted, that
	// is while losses were repaired; Lost had to be sent again, and Parity went out beside.
	Packets    uint64 `json:"packets"`
	LostOnPath uint64 `json:"lost_on_path"`
	Lost       uint64 `json:"lost"`
	Parity     uint64 `json:"parity"`
}
