package tracing

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Tracing needs.
type Config struct {
	// Endpoint is the collector's base URL, http or https; "" makes no spans.
	Endpoint string
	// Ratio is the share of requests, 0 to 1, that are sampled when their sender has not
	// decided it by a traceparent.
	Ratio float64
	// TLS is for https; nil: the system's authorities.
	TLS *tls.Config
	// Attributes say who makes the spans, as name and value.
	Attributes map[string]string
	// Metrics gets the counters, whether or not spans are made. Required.
	Metrics *prometheus.Registry
	// Log hears when the collector fails and when it takes spans again. Required.
	Log *slog.Logger

	// QueueMax is how many spans wait at most; default 4096.
	QueueMax int
	// BatchMax is how many spans go into a request; default 512.
	BatchMax int
	// Interval is how long a span waits for others; default 1s.
	Interval time.Duration
	// Timeout is how long a request may take; default 10s.
	Timeout time.Duration
	// RetryPause is what lies before the first repetition of a request, and doubles with
	// each further one; default 1s.
	RetryPause time.Duration
}

const (
	queueDefault      = 4096
	batchDefault      = 512
	intervalDefault   = time.Second
	timeoutDefault    = 10 * time.Second
	retryPauseDefault = time.Second

	// attemptsMax is how often a batch is sent before it is dropped.
	attemptsMax = 4
	// answerBytesMax bounds what is read of a collector's answer.
	answerBytesMax = 64 << 10
	// tracesPath is where collectors take spans, below the endpoint.
	tracesPath = "v1/traces"
)

func (c Config) withDefaults() Config {
	setDefault(&c.QueueMax, queueDefault)
	setDefault(&c.BatchMax, batchDefault)
	setDefault(&c.Interval, intervalDefault)
	setDefault(&c.Timeout, timeoutDefault)
	setDefault(&c.RetryPause, retryPauseDefault)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var empty T
	if *field == empty {
		*field = value
	}
}

// Validate joins all problems of the configuration.
func (c Config) Validate() error {
	var problems []error
	if c.Metrics == nil || c.Log == nil {
		problems = append(problems, errors.New("Metrics and Log are required"))
	}
	if c.Ratio < 0 || c.Ratio > 1 {
		problems = append(problems, errors.New("Ratio must be from 0 to 1"))
	}
	if c.QueueMax < 0 || c.BatchMax < 0 || c.Interval < 0 || c.Timeout < 0 || c.RetryPause < 0 {
		problems = append(problems, errors.New("bounds must not be negative"))
	}
	return errors.Join(problems...)
}

// httpClient posts to the collector. Why no redirects: whoever configured the endpoint said
// where spans go, and nobody else decides it.
func (c Config) httpClient() *http.Client {
	return &http.Client{
		Timeout:       c.Timeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.TLS, ForceAttemptHTTP2: true, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
