package ui

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wraft/wraft/conformance/child"
	"github.com/wraft/wraft/internal/ports"
)

// ErrNoBrowser: Chromium or ChromeDriver is not installed.
var ErrNoBrowser = errors.New("ui: chromium and chromedriver are not both installed (Debian: apt-get install chromium chromium-driver)")

const (
	// readyPause is how long to wait before asking a driver again whether it is up, or a page for
	// what it shows.
	readyPause = 50 * time.Millisecond
	// answerBytesMax bounds an answer of the driver; screenshots are the longest.
	answerBytesMax = 64 << 20
)

// arguments keep Chromium to the page it is told to show. Why no sandbox: it refuses to run
// as root with one, as CI does; the only page is ours.
var arguments = []string{
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
	"--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=en-US",
}

// Options are what a browser is started with.
type Options struct {
	// Dir is an empty folder for its profile and log. Required.
	Dir string
	// Width and Height of its window in pixels; default 1280 by 900.
	Width, Height int
}

// Browser is a Chromium of its own, showing one page. Close it.
type Browser struct {
	driver  *child.Process
	log     *os.File
	base    string // of the driver
	session string
	http    *http.Client
}

// Open starts a browser, or returns ErrNoBrowser.
func Open(ctx context.Context, o Options) (*Browser, error) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrNoBrowser
	}
	chromedriver, err := exec.LookPath("chromedriver")
	if err != nil {
		return nil, ErrNoBrowser
	}
	if o.Width == 0 {
		o.Width, o.Height = 1280, 900
	}
	b := &Browser{http: &http.Client{}}
	if err := b.start(ctx, chromedriver, o.Dir); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if err := b.begin(ctx, chromium, o); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// start runs the driver on a free port and waits until it answers.
func (b *Browser) start(ctx context.Context, program, dir string) error {
	free, err := ports.Addresses(1)
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	_, port, _ := net.SplitHostPort(free[0])
	b.base = "http://" + free[0]
	if b.log, err = os.Create(filepath.Join(dir, "chromedriver.log")); err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	cmd := exec.Command(program, "--port="+port)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	if b.driver, err = child.Start(cmd); err != nil {
		return fmt.Errorf("ui: start chromedriver: %w", err)
	}
	for {
		var status struct{ Ready bool }
		err := b.call(ctx, http.MethodGet, "/status", nil, &status)
		if err == nil && status.Ready {
			return nil
		}
		select {
		case <-time.After(readyPause):
		case <-ctx.Done():
			return fmt.Errorf("ui: chromedriver is not ready: %w: %w", ctx.Err(), err)
		}
	}
}

// begin has the driver start the browser.
func (b *Browser) begin(ctx context.Context, chromium string, o Options) error {
	args := append([]string{
		"--user-data-dir=" + filepath.Join(o.Dir, "profile"), fmt.Sprintf("--window-size=%d,%d", o.Width, o.Height),
	}, arguments...)
	wanted := map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "chrome", "acceptInsecureCerts": true, // the cluster's authority was made for the occasion
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": args},
		"goog:loggingPrefs":  map[string]any{"browser": "ALL"},
	}}}
	var made struct{ SessionID string }
	if err := b.call(ctx, http.MethodPost, "/session", wanted, &made); err != nil {
		return err
	}
	b.session = made.SessionID
	return nil
}

// Go loads a page.
func (b *Browser) Go(ctx context.Context, address string) error {
	return b.call(ctx, http.MethodPost, b.path("/url"), map[string]any{"url": address}, nil)
}

// Run runs the body of a JavaScript function in the page and decodes what it returns.
func (b *Browser) Run(ctx context.Context, script string, into any) error {
	return b.call(ctx, http.MethodPost, b.path("/execute/sync"), map[string]any{"script": script, "args": []any{}}, into)
}

// Await returns how long it took until an expression of JavaScript is true in the page, or
// when ctx ends first, the text of the page in an error.
func (b *Browser) Await(ctx context.Context, expression string) (time.Duration, error) {
	begin := time.Now()
	for {
		var holds bool
		err := b.Run(ctx, "return Boolean("+expression+")", &holds)
		if err == nil && holds {
			return time.Since(begin), nil
		}
		select {
		case <-time.After(readyPause):
		case <-ctx.Done():
			return 0, errors.Join(fmt.Errorf("ui: %s does not come true: %w", expression, ctx.Err()), err, b.shown())
		}
	}
}

// shown is the text of the page as an error.
func (b *Browser) shown() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var text string
	err := b.Run(ctx, "return document.body.innerText", &text)
	return errors.Join(fmt.Errorf("ui: the page says: %s", text), err)
}

// Console returns what the browser complained of since it was asked last.
func (b *Browser) Console(ctx context.Context) ([]string, error) {
	var lines []struct{ Level, Message string }
	if err := b.call(ctx, http.MethodPost, b.path("/se/log"), map[string]any{"type": "browser"}, &lines); err != nil {
		return nil, err
	}
	var out []string
	for _, l := range lines {
		if l.Level == "SEVERE" || l.Level == "WARNING" {
			out = append(out, l.Level+" "+l.Message)
		}
	}
	return out, nil
}

// Dark has the page believe that its user prefers a dark one, or again a light one.
func (b *Browser) Dark(ctx context.Context, dark bool) error {
	value := map[bool]string{false: "light", true: "dark"}[dark]
	features := []map[string]any{{"name": "prefers-color-scheme", "value": value}}
	return b.devTools(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
}

// Screenshot returns the whole page as a PNG.
func (b *Browser) Screenshot(ctx context.Context) ([]byte, error) {
	var shot struct{ Data string }
	if err := b.devTools(ctx, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		return nil, fmt.Errorf("ui: screenshot: %w", err)
	}
	return data, nil
}

// devTools calls a method of the DevTools protocol, which knows more than WebDriver.
func (b *Browser) devTools(ctx context.Context, method string, params map[string]any, into any) error {
	return b.call(ctx, http.MethodPost, b.path("/goog/cdp/execute"), map[string]any{"cmd": method, "params": params}, into)
}

// Close ends the browser and its driver.
func (b *Browser) Close() error {
	var errs []error
	if b.session != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, b.call(ctx, http.MethodDelete, b.path(""), nil, nil))
	}
	if b.driver != nil {
		errs = append(errs, b.driver.Signal(syscall.SIGKILL))
		b.driver.Wait()
	}
	if b.log != nil {
		errs = append(errs, b.log.Close())
	}
	b.http.CloseIdleConnections()
	return errors.Join(errs...)
}

func (b *Browser) path(command string) string { return "/session/" + b.session + command }

// call is one request of the WebDriver protocol (W3C WebDriver §6): every answer has its
// value in "value", also an error.
func (b *Browser) call(ctx context.Context, method, path string, body, into any) error {
	var data io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("ui: %w", err)
		}
		data = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, data)
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	defer resp.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(io.LimitReader(resp.Body, answerBytesMax)).Decode(&answer); err != nil {
		return fmt.Errorf("ui: answer to %s %s: %w", method, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Error, Message string }
		_ = json.Unmarshal(answer.Value, &problem)
		return fmt.Errorf("ui: %s %s: %s: %s", method, path, problem.Error, problem.Message)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Value, into); err != nil {
		return fmt.Errorf("ui: answer to %s %s: %w", method, path, err)
	}
	return nil
}
