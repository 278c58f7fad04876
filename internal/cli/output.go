package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/spf13/cobra"
)

// The output formats. JSON is a stable contract.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatName  = "name"
)

var formats = []string{formatTable, formatWide, formatJSON, formatYAML, formatName}

// outputOf is the format the command line asks for. A wide table is a table.
func outputOf(cmd *cobra.Command) string {
	if wideOf(cmd) {
		return formatTable
	}
	return cmd.Flag("output").Value.String()
}

// structured reports whether a program is to read the output.
func structured(cmd *cobra.Command) bool {
	f := outputOf(cmd)
	return f == formatJSON || f == formatYAML
}

// wideOf reports whether a table is to have all its columns.
func wideOf(cmd *cobra.Command) bool { return cmd.Flag("output").Value.String() == formatWide }

// view is one value in every form it can be printed in.
type view struct {
	// value is what JSON and YAML show.
	value any
	// header and rows are the table.
	header []string
	rows   [][]any
	// wide and wideRows are further columns for -o wide; may be empty.
	wide     []string
	wideRows [][]any
	// names are what -o name prints, one a line.
	names []string
}

// print writes v in the format the command line asks for.
func (p *Program) print(cmd *cobra.Command, v view) error {
	switch outputOf(cmd) {
	case formatJSON:
		enc := json.NewEncoder(p.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(v.value)
	case formatYAML:
		return p.printYAML(v.value)
	case formatName:
		for _, n := range v.names {
			fmt.Fprintln(p.Stdout, n)
		}
		return nil
	default:
		if wideOf(cmd) {
			v.header, v.rows = v.widened()
		}
		p.printTable(v.header, v.rows)
		return nil
	}
}

// widened is the table with all columns.
func (v view) widened() (header []string, rows [][]any) {
	header = slices.Concat(v.header, v.wide)
	for i, r := range v.rows {
		if i < len(v.wideRows) {
			r = slices.Concat(r, v.wideRows[i])
		}
		rows = append(rows, r)
	}
	return header, rows
}

// printYAML goes through JSON, so that both formats have the same names.
func (p *Program) printYAML(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("cli: encode: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return fmt.Errorf("cli: encode: %w", err)
	}
	m, ok := plainNumbers(plain).(map[string]any)
	if !ok {
		return fmt.Errorf("cli: encode: %T is no mapping", value)
	}
	out, err := yaml.Parser().Marshal(m)
	if err != nil {
		return fmt.Errorf("cli: encode: %w", err)
	}
	_, err = p.Stdout.Write(out)
	return err
}

// plainNumbers turns JSON's numbers into Go's, whole ones without loss.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	case json.Number:
		var whole uint64
		if json.Unmarshal([]byte(v), &whole) == nil {
			return whole
		}
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return v
}

// printTable writes columns that a person reads and cut and awk can take apart.
func (p *Program) printTable(header []string, rows [][]any) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	if _, colour := p.terminal(p.Stdout); colour {
		style.Color.Header = text.Colors{text.Bold}
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	if header != nil {
		t.AppendHeader(toRow(header))
	}
	for _, r := range rows {
		t.AppendRow(table.Row(r))
	}
	if out := t.Render(); strings.TrimSpace(out) != "" {
		fmt.Fprintln(p.Stdout, out)
	}
}

func toRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}

// dash stands for what is not known or not there.
func dash(s string) string {
	if s == "" || s == "0" {
		return "-"
	}
	return s
}
