package client

import (
	"context"
	"io"
	"mime"
	"net/http"
	"time"
)

// pageBytesMax bounds a page.
const pageBytesMax = 64 << 20

// Page is what a node answered to a plain GET.
type Page struct {
	Status int
	Body   []byte
	// Time is the node's clock when it answered, in whole seconds, rounded down; zero when
	// the node did not say.
	Time time.Time
}

// Page gets a path that no other call is for: probes, metrics, profiles. query is the URL's,
// "" for none. A failure that the node words as a Problem is an error; any other answer is a
// page, whatever its status, as that of /readyz?verbose is.
func (c *Client) Page(ctx context.Context, path, query string) (Page, error) {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	a, err := c.do(ctx, &call{method: http.MethodGet, path: path, query: query, repeatable: true, page: true})
	if err != nil {
		return Page{}, asRead(err)
	}
	return Page{Status: a.status, Body: a.body, Time: a.time}, nil
}

// readPage reads an answer of any status that is not a problem.
func readPage(res *http.Response, host string) (answer, *Problem) {
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == ProblemMediaType {
		return answer{}, readProblem(res, host)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, pageBytesMax+1))
	if err != nil {
		return answer{}, transportProblem(err, host, true)
	}
	if len(data) > pageBytesMax {
		return answer{}, NewProblem(CodeBadAnswer, "%s answers with more than %d bytes", host, pageBytesMax)
	}
	at, _ := http.ParseTime(res.Header.Get("Date"))
	return answer{status: res.StatusCode, body: data, said: said(res.Header), time: at}, nil
}
