package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter posts batches of spans to a collector.
type exporter struct {
	client *http.Client
	url    string
}

// refusedError is a collector's answer that is no success.
type refusedError struct {
	status string
	later  bool // it may take the same later
}

// Error names the answer.
func (e *refusedError) Error() string { return "tracing: the collector answers " + e.status }

// laterStatuses are the answers behind which the same may be sent again (OTLP 1.x, "Retryable
// Response Codes").
var laterStatuses = map[int]bool{
	http.StatusTooManyRequests: true, http.StatusBadGateway: true, http.StatusServiceUnavailable: true, http.StatusGatewayTimeout: true,
}

// export posts spans and returns how many of them the collector did not want. Errors other than
// *refusedError are those of the way there.
func (e *exporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) (rejected int, err error) {
	body, err := json.Marshal(requestOf(spans))
	if err != nil {
		return 0, fmt.Errorf("tracing: encode spans: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("tracing: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := e.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("tracing: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, answerBytesMax))
	if res.StatusCode/100 != 2 {
		return 0, &refusedError{status: res.Status, later: laterStatuses[res.StatusCode]}
	}
	if err != nil {
		return 0, fmt.Errorf("tracing: read the collector's answer: %w", err)
	}
	return rejectedOf(answer, len(spans)), nil
}

// rejectedOf reads a success that may be a partial one. Why errors are none: what is no answer
// of OTLP came with a success all the same.
func rejectedOf(answer []byte, sent int) int {
	var a struct {
		PartialSuccess struct {
			RejectedSpans json.RawMessage `json:"rejectedSpans"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return 0
	}
	n, err := strconv.ParseUint(string(bytes.Trim(a.PartialSuccess.RejectedSpans, `"`)), 10, 63)
	if err != nil {
		return 0
	}
	return int(min(n, uint64(sent)))
}
