package wasm

import "fmt"

// Rule names a family of reasons for which a binary is refused. Rules are
// stable: tests, metrics and the errors catalogue use them.
type Rule string

// The rules of this package.
const (
	RuleNotWasm   Rule = "not-wasm"  // the bytes are something else
	RuleTruncated Rule = "truncated" // the binary ends too early
	RuleMalformed Rule = "malformed" // the binary breaks the format
	RuleLimit     Rule = "limit"     // a named limit is exceeded
	RuleFeature   Rule = "feature"   // an instruction or type isn't offered
	RuleTable     Rule = "table"     // tables would change at run time
	RuleStart     Rule = "start"     // there is a start function
	RuleImport    Rule = "import"    // an import isn't offered
	RuleExport    Rule = "export"    // an export is missing or reserved
	RuleType      Rule = "type"      // the engine's type check failed
)

// NoFunction is the Function of a refusal that concerns no function body.
const NoFunction = -1

// Refusal says why a binary is refused. It is always the author's to mend:
// nothing in it depends on the machine that read the binary.
type Refusal struct {
	Rule Rule
	// What is wrong, why that is refused and what to change. Hint may be empty.
	What, Why, Hint string
	// Function is the index of the function (imports count), or NoFunction.
	Function int
	// Offset is the position in the binary, in bytes.
	Offset int
}

// Error tells everything in one line.
func (r *Refusal) Error() string {
	where := fmt.Sprintf("offset %#x", r.Offset)
	if r.Function != NoFunction {
		where = fmt.Sprintf("function %d, %s", r.Function, where)
	}
	text := fmt.Sprintf("%s (%s)", r.What, where)
	if r.Why != "" {
		text += ": " + r.Why
	}
	if r.Hint != "" {
		text += "; " + r.Hint
	}
	return text
}

// overLimit builds the refusal for a count or size above its named limit.
func overLimit(what string, got, limit uint64, name string) *Refusal {
	return &Refusal{
		Rule:     RuleLimit,
		What:     fmt.Sprintf("%s: %d", what, got),
		Why:      fmt.Sprintf("the limit %s is %d", name, limit),
		Function: NoFunction,
	}
}
