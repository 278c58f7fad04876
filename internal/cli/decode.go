package cli

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/offline"
)

// decodeBytesMax bounds what is read to be decoded.
const decodeBytesMax = 64 << 20

// encodings are how the bytes may be written down, by the value of --encoding.
var encodings = []string{"raw", "hex", "base64"}

func (p *Program) debugDecodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "decode [FILE]",
		Short: "Show what bytes from a log, a snapshot or the catalogue say",
		Long: "Reads a file, or standard input, and shows what it holds: the header of a snapshot file, the data of\n" +
			"an entry (commands, or a configuration), or any CBOR, such as commands of the meta group, in diagnostic\n" +
			"notation. --as says which when the bytes could be several.",
		Example: "  wraftd debug decode node-1/data/snapshots/2/*.snap\n  wraftd log show --group 1 -o json | jq -r '.entries[-1].commands[0].data' | wraftd debug decode --encoding base64",
		Args:    atMostOneArg("FILE"),
	}
	var forms []string
	for _, f := range offline.Forms() {
		forms = append(forms, string(f))
	}
	as := cmd.Flags().String("as", string(offline.FormAuto), "what the bytes are: "+strings.Join(forms, ", "))
	encoding := cmd.Flags().String("encoding", encodings[0], "how they are written: "+strings.Join(encodings, ", "))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(forms, *as) {
			return usage("--as %q: use %s", *as, strings.Join(forms, ", "))
		}
		data, err := p.decodeInput(args)
		if err != nil {
			return err
		}
		if data, err = plainBytes(data, *encoding); err != nil {
			return err
		}
		d, err := offline.Decode(data, offline.Form(*as))
		if err != nil {
			return err
		}
		return p.print(cmd, view{value: d, rows: decodedRows(d), names: []string{string(d.Form)}})
	}
	return cmd
}

// decodeInput reads the file that is named, or standard input.
func (p *Program) decodeInput(args []string) ([]byte, error) {
	in := p.Stdin
	if len(args) > 0 {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, localFileError(err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, decodeBytesMax+1))
	if err == nil && len(data) > decodeBytesMax {
		return nil, usage("more than %d bytes: decode a part of them", decodeBytesMax)
	}
	return data, localFileError(err)
}

// plainBytes undoes an encoding; white space in it counts for nothing.
func plainBytes(data []byte, encoding string) ([]byte, error) {
	text := strings.Join(strings.Fields(string(data)), "")
	var err error
	switch encoding {
	case "raw":
		return data, nil
	case "hex":
		data, err = hex.DecodeString(text)
	case "base64":
		data, err = base64.StdEncoding.DecodeString(text)
	default:
		return nil, usage("--encoding %q: use %s", encoding, strings.Join(encodings, ", "))
	}
	if err != nil {
		return nil, client.NewProblem(client.CodeUndecodable, "--encoding %s: %v", encoding, err).WithCause(err)
	}
	return data, nil
}

// decodedRows is one line per fact.
func decodedRows(d offline.Decoded) [][]any {
	rows := [][]any{{"form", string(d.Form)}, {"bytes", d.Bytes}}
	if s := d.Snapshot; s != nil {
		rows = append(rows, []any{"group", s.Group.String()}, []any{"index", s.Index}, []any{"term", s.Term}, []any{"kind", s.Kind},
			[]any{"rests on", dash(s.Base)}, []any{"configuration", s.Configuration})
	}
	if d.Configuration != "" {
		rows = append(rows, []any{"configuration", d.Configuration})
	}
	if e := d.Entry; e != nil {
		rows = append(rows, []any{"time", stamp(e.WallTime)})
		for _, c := range e.Commands {
			rows = append(rows, []any{c.Kind, decodedData(c.Data)})
		}
	}
	for _, item := range d.CBOR {
		rows = append(rows, []any{"item", item})
	}
	return rows
}

// decodedData is a command's data: text where it is such, else CBOR where it is such.
func decodedData(data []byte) string {
	if utf8.Valid(data) {
		return shownData(data, len(data))
	}
	if items, err := offline.Diagnose(data); err == nil {
		return strings.Join(items, ", ")
	}
	return shownData(data, len(data))
}
