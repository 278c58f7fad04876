package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
)

// Bounds of a request's time.
const (
	// CommandTimeoutDefault bounds commands and queries that say no other time.
	CommandTimeoutDefault = 10 * time.Second

	deployTimeoutDefault = time.Minute
	uploadTimeoutDefault = timeoutMax
	timeoutMax           = client.TimeoutMax
)

// deadline is the request's context, bounded by Wraft-Timeout or else by usual.
func deadline(r *http.Request, usual time.Duration) (context.Context, context.CancelFunc, error) {
	timeout := usual
	if text := r.Header.Get(client.HeaderTimeout); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > timeoutMax {
			return nil, nil, client.NewProblem(client.CodeBadRequest,
				"%s: %.40q is not a duration above 0 and up to %v, such as 5s", client.HeaderTimeout, text, timeoutMax)
		}
		timeout = d
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	return ctx, cancel, nil
}

// machineName is the {machine} of the path.
func machineName(r *http.Request) (string, error) {
	name := r.PathValue("machine")
	return name, client.CheckMachineName(name)
}

// params are a request's query parameters, read strictly: each is known to the
// path and given at most once.
type params struct{ values url.Values }

func readParams(r *http.Request, known ...string) (params, error) {
	if r.URL.RawQuery == "" {
		return params{}, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return params{}, client.NewProblem(client.CodeBadRequest, "the query of the URL cannot be read: %v", err)
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return params{}, client.NewProblem(client.CodeUnknownParameter, "%.80q: this path takes no parameters", name)
		case !slices.Contains(known, name):
			return params{}, client.NewProblem(client.CodeUnknownParameter, "%.80q: this path takes %s", name, strings.Join(known, ", "))
		case len(given) > 1:
			return params{}, client.NewProblem(client.CodeUnknownParameter, "%q is given %d times", name, len(given))
		}
	}
	return params{values}, nil
}

// has reports whether a parameter is given, with or without a value.
func (p params) has(name string) bool { return p.values.Has(name) }

func (p params) flag(name string, usual bool) (bool, error) {
	switch text := p.values.Get(name); {
	case !p.has(name):
		return usual, nil
	case text == "true":
		return true, nil
	case text == "false":
		return false, nil
	default:
		return false, client.NewProblem(client.CodeBadRequest, "%s=%.40q: use true or false", name, text)
	}
}

func (p params) uint(name string) (uint64, error) {
	if !p.has(name) {
		return 0, nil
	}
	text := p.values.Get(name)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, client.NewProblem(client.CodeBadRequest, "%s=%.40q: use a whole number", name, text)
	}
	return n, nil
}

func (p params) duration(name string) (time.Duration, error) {
	if !p.has(name) {
		return 0, nil
	}
	text := p.values.Get(name)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > timeoutMax {
		return 0, client.NewProblem(client.CodeBadRequest, "%s=%.40q: use a duration from 0 to %v, such as 500ms", name, text, timeoutMax)
	}
	return d, nil
}

// body reads a whole body of at most limit bytes. what names it in the refusal.
func body(w http.ResponseWriter, r *http.Request, what string, limit int64) ([]byte, error) {
	if err := plainEncoding(r); err != nil {
		return nil, err
	}
	if err := CheckSize(what, r.ContentLength, limit); err != nil {
		return nil, err
	}
	data, err := readAll(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, CheckSize(what, limit+1, limit)
	case err != nil:
		return nil, client.NewProblem(client.CodeBadRequest, "the body ended early: %v", err)
	}
	return data, nil
}

// CheckSize refuses a body of more than limit bytes. what names it.
func CheckSize(what string, size, limit int64) error {
	if size > limit {
		return client.NewProblem(client.CodeCommandTooLarge, "the %s is longer than the limit of %d bytes", what, limit)
	}
	return nil
}

// readAll reads size bytes at once when the size is known; limits were checked.
func readAll(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return io.ReadAll(r)
	}
	data := make([]byte, size)
	_, err := io.ReadFull(r, data)
	return data, err
}

// plainEncoding refuses compressed bodies: a command is its bytes, and a limit on
// compressed ones would limit nothing.
func plainEncoding(r *http.Request) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return client.NewProblem(client.CodeMediaType, "Content-Encoding %.40q is not read here; send the bytes as they are", e)
	}
	return nil
}

// machineRequest reads what a request about one machine has besides its body: the
// machine's name, no parameters, and how long it may take.
func machineRequest(r *http.Request, timeout time.Duration) (ctx context.Context, cancel context.CancelFunc, machine string, err error) {
	if machine, err = machineName(r); err != nil {
		return nil, nil, "", err
	}
	ctx, cancel, err = plainRequest(r, timeout)
	return ctx, cancel, machine, err
}

// plainRequest reads what a request has besides its body: no parameters, and how long it
// may take.
func plainRequest(r *http.Request, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	if _, err := readParams(r); err != nil {
		return nil, nil, err
	}
	return deadline(r, timeout)
}
