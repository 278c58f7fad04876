package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one load measured. Its JSON is one line that goes into one table
// with the lines of other systems, so names and units are fixed.
type Result struct {
	Peer      string  `json:"peer"` // the system measured: always "wraft"
	Op        string  `json:"op"`
	Clients   int     `json:"clients"`
	Conns     int     `json:"conns"` // one per client that sends at the time
	Value     int     `json:"value"` // bytes
	Keys      int     `json:"keys"`
	Seconds   float64 `json:"seconds"` // measured time
	Ops       int64   `json:"ops"`     // that succeeded within it
	OpsPerSec float64 `json:"ops_per_s"`
	Errors    int64   `json:"errors"` // that failed within it
	FirstErr  string  `json:"first_error,omitempty"`
	OpsAll    int64   `json:"ops_all"` // that succeeded, warm-up included
	MeanUS    float64 `json:"mean_us"` // times of those in Ops, in microseconds
	P50US     int64   `json:"p50_us"`
	P90US     int64   `json:"p90_us"`
	P99US     int64   `json:"p99_us"`
	P999US    int64   `json:"p999_us"`
	MaxUS     int64   `json:"max_us"`
}

// recorder gathers the operations of all clients.
type recorder struct {
	start, end time.Time // of the measured time

	// mu guards the fields below.
	mu       sync.Mutex
	times    *hdrhistogram.Histogram // microseconds
	all      int64
	errors   int64
	firstErr error
}

// record notes one operation. Only those that lie within the measured time count.
func (r *recorder) record(began, ended time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.all++
	}
	if began.Before(r.start) || ended.After(r.end) {
		return
	}
	if err != nil {
		r.errors++
		if r.firstErr == nil {
			r.firstErr = err
		}
		return
	}
	took := ended.Sub(began).Microseconds()
	// Why the error is dropped: the value is made to fit the histogram's range.
	_ = r.times.RecordValue(min(max(took, 1), slowestMicros))
}

func (r *recorder) result(c Config) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Result{
		Peer: "wraft", Op: c.Op, Clients: c.Clients, Conns: c.Clients, Value: c.ValueBytes, Keys: c.Keys,
		Seconds: c.Duration.Seconds(), Ops: r.times.TotalCount(), OpsAll: r.all, Errors: r.errors,
		OpsPerSec: float64(r.times.TotalCount()) / c.Duration.Seconds(),
		MeanUS:    r.times.Mean(),
		P50US:     r.times.ValueAtQuantile(50),
		P90US:     r.times.ValueAtQuantile(90),
		P99US:     r.times.ValueAtQuantile(99),
		P999US:    r.times.ValueAtQuantile(99.9),
		MaxUS:     r.times.Max(),
	}
	if r.firstErr != nil {
		out.FirstErr = r.firstErr.Error()
	}
	return out
}
