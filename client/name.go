package client

// MachineNameMax is the longest name of a machine, in bytes.
const MachineNameMax = 63

// CheckMachineName tells whether a machine may have this name: 1 to 63 lower-case
// letters, digits and hyphens, a letter first, no hyphen last, so that a name is
// also a host label, a file name and a metric label. It returns nil or a
// *Problem of CodeBadName that says what is wrong.
func CheckMachineName(name string) error {
	switch {
	case name == "":
		return NewProblem(CodeBadName, "the name is empty")
	case len(name) > MachineNameMax:
		return NewProblem(CodeBadName, "the name has %d bytes, the limit is %d", len(name), MachineNameMax)
	case name[0] < 'a' || name[0] > 'z':
		return NewProblem(CodeBadName, "%q does not begin with a lower-case letter", name)
	case name[len(name)-1] == '-':
		return NewProblem(CodeBadName, "%q ends with a hyphen", name)
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return NewProblem(CodeBadName, "%q contains %q", name, r)
		}
	}
	return nil
}
