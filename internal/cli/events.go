package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) machinesEventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "events MACHINE", Short: "Read what a machine emits for whoever listens",
		Long: "Prints the machine's events, oldest first: the place (index and number), and the data, quoted where it\n" +
			"is no printable line. Nodes keep the newest events only; when some of those asked for are gone, the exit\n" +
			"code is 6 and the problem says from which index on there are all. With --follow it waits for more, and\n" +
			"goes on at another node when one fails. With -o json each event is an object on a line of its own.",
		Example: "  wraftd machines events counter\n  wraftd machines events counter --from 1041 --follow -o json",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	from := cmd.Flags().Uint64("from", 0, "index to begin at (default: the oldest event that is kept)")
	after := cmd.Flags().String("after", "", "place of an event to begin behind, such as 1041-0")
	follow := cmd.Flags().BoolP("follow", "f", false, "wait for more until interrupted; --timeout does not count")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q := client.EventQuery{From: *from, Once: !*follow}
		if *after != "" {
			var err error
			if q.After, err = client.ParseEventID(*after); err != nil {
				return usage("--after: %v", err)
			}
		}
		return p.withStream(cmd, conn, *follow, func(ctx context.Context, cl *client.Client) error {
			return printStream(p, cmd, cl.Events(ctx, args[0], q), eventLine)
		})
	}
	return cmd
}

// withStream is withClient for what goes on until it is interrupted, if it follows.
func (p *Program) withStream(cmd *cobra.Command, c *connection, follow bool, run func(context.Context, *client.Client) error) error {
	if !follow {
		return p.withClient(cmd, c, run)
	}
	cl, err := p.client(cmd, c)
	if err != nil {
		return err
	}
	defer cl.Close()
	return run(cmd.Context(), cl)
}

// printStream prints what comes as it comes.
func printStream[T any](p *Program, cmd *cobra.Command, all iter.Seq2[T, error], lineOf func(T) line) error {
	for one, err := range all {
		if err != nil {
			return err
		}
		if err := p.printLine(cmd, lineOf(one)); err != nil {
			return err
		}
	}
	return nil
}

// line is one of many that are printed as they come.
type line struct {
	// value is what JSON and YAML show.
	value any
	// rows are what a table shows: a line each, in cells.
	rows [][]string
	name string
}

// eventLine is an event as a line. In JSON it has text where it can be that, or else data
// in base64.
func eventLine(e client.Event) line {
	value := struct {
		Index  uint64  `json:"index"`
		Number uint32  `json:"number"`
		Text   *string `json:"text,omitempty"`
		Data   []byte  `json:"data,omitempty"`
	}{Index: e.Index, Number: e.Number}
	if utf8.Valid(e.Data) {
		text := string(e.Data)
		value.Text = &text
	} else {
		value.Data = e.Data
	}
	return line{value: value, rows: [][]string{{e.EventID.String(), printable(string(e.Data))}}, name: e.EventID.String()}
}

// printable is text as it is when it is one line that a terminal shows, or quoted.
func printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
		return text
	}
	return strconv.Quote(text)
}

// printLine prints one of many lines in the format the command line asks for.
func (p *Program) printLine(cmd *cobra.Command, l line) error {
	var err error
	switch outputOf(cmd) {
	case formatJSON:
		err = json.NewEncoder(p.Stdout).Encode(l.value)
	case formatYAML:
		if _, err = fmt.Fprintln(p.Stdout, "---"); err == nil {
			err = p.printYAML(l.value)
		}
	case formatName:
		_, err = fmt.Fprintln(p.Stdout, l.name)
	default:
		for _, cells := range l.rows {
			if _, err = fmt.Fprintln(p.Stdout, strings.Join(cells, "  ")); err != nil {
				break
			}
		}
	}
	return err
}
