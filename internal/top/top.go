package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Options are what a live view needs.
type Options struct {
	// In and Out are a terminal, Environ its environment.
	In      io.Reader
	Out     io.Writer
	Environ []string
	// Every is the time between two looks.
	Every time.Duration
	// Look asks the cluster. It is called again only after it has returned.
	Look func(context.Context) Reading
}

// Run shows the cluster until the user or ctx ends it. No look is under way when it returns.
func Run(ctx context.Context, o Options) error {
	looking, cancel := context.WithCancel(ctx)
	l := &looker{ctx: looking, ask: o.Look}
	defer l.end()
	defer cancel()
	m := model{every: o.Every, look: l.look}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Environ), tea.WithoutSignalHandler())
	_, err := p.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return fmt.Errorf("top: %w", err)
	}
	return nil
}

// looker lets no look outlive the view. The terminal library starts commands in goroutines of
// its own, and does not wait for them when the program quits.
type looker struct {
	ctx   context.Context
	ask   func(context.Context) Reading
	mu    sync.Mutex // held during a look
	ended bool
}

func (l *looker) look() (r Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		r = l.ask(l.ctx)
	}
	return r
}

// end waits for a look under way. Its context has to be cancelled.
func (l *looker) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// model is the state of the terminal program.
type model struct {
	every time.Duration
	look  func() Reading
	span  span
	// round counts the readings, and looking is true while the next is under way.
	round         int
	looking       bool
	width, height int
}

// due says that the time after a round is over.
type due struct{ round int }

// Init begins with a look.
func (m model) Init() tea.Cmd { return func() tea.Msg { return due{} } }

// Update takes a key, a size, a reading, or the end of a wait.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return m, tea.Quit
		case "r":
			return m.begin(m.round)
		}
	case due:
		return m.begin(msg.round)
	case Reading:
		return m.take(msg)
	}
	return m, nil
}

// begin looks, unless a look is under way or the wait was for an earlier round.
func (m model) begin(round int) (tea.Model, tea.Cmd) {
	if m.looking || round != m.round {
		return m, nil
	}
	m.looking = true
	return m, func() tea.Msg { return m.look() }
}

// take keeps a reading with the last good one before it, and waits for the next.
func (m model) take(r Reading) (tea.Model, tea.Cmd) {
	if m.span.last.Err == nil {
		m.span.before = m.span.last
	}
	m.span.last, m.looking = r, false
	m.round++
	round := m.round
	return m, tea.Tick(m.every, func(time.Time) tea.Msg { return due{round} })
}

// View is as much of the screen as the terminal has room for.
func (m model) View() tea.View {
	v := tea.NewView(strings.Join(fit(m.lines(), m.width, m.height), "\n"))
	v.AltScreen = true
	return v
}

func (m model) lines() []string {
	if m.span.last.At.IsZero() {
		return []string{"asking the cluster ..."}
	}
	return screen(m.span, m.every)
}

// fit cuts lines to a terminal; 0 is a size that is not known yet.
func fit(lines []string, width, height int) []string {
	if height > 1 && len(lines) > height {
		hidden := len(lines) - height + 1
		lines = append(lines[:height-1:height-1], fmt.Sprintf("... %d more lines: make the window larger", hidden))
	}
	for i, l := range lines {
		if runes := []rune(l); width > 0 && len(runes) > width {
			lines[i] = string(runes[:width])
		}
	}
	return lines
}
