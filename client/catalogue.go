package client

import "strings"

// Code is the stable name of one kind of problem: "WRAFT-" and four digits. The
// first digit groups them: 1 request, 2 not found, 3 conflict, 4 module and
// machine, 5 availability, 6 reaching a server, 7 this machine's files, 9 ours.
type Code string

// The codes of the catalogue; what each means stands in catalogue_table.go.
const (
	CodeBadRequest       Code = "WRAFT-1001"
	CodeUnknownParameter Code = "WRAFT-1002"
	CodeCommandTooLarge  Code = "WRAFT-1003"
	CodeModuleTooLarge   Code = "WRAFT-1004"
	CodeMethodNotAllowed Code = "WRAFT-1005"
	CodeMediaType        Code = "WRAFT-1006"
	CodeBadName          Code = "WRAFT-1007"
	CodeDigestMismatch   Code = "WRAFT-1008"
	CodeNoCertificate    Code = "WRAFT-1009"
	CodeLimitRange       Code = "WRAFT-1010"
	CodeNotAllowed       Code = "WRAFT-1011"
	CodeBadToken         Code = "WRAFT-1012"

	CodeUnknownMachine Code = "WRAFT-2001"
	CodeUnknownPath    Code = "WRAFT-2002"
	CodeUnknownModule  Code = "WRAFT-2003"
	CodeUnknownCheck   Code = "WRAFT-2004"
	CodeMachineDeleted Code = "WRAFT-2005"
	CodeUnknownNode    Code = "WRAFT-2006"
	CodeUnknownToken   Code = "WRAFT-2007"
	CodeEventsGone     Code = "WRAFT-2009"
	CodeEntriesGone    Code = "WRAFT-2010"

	CodeMachineExists     Code = "WRAFT-3001"
	CodeSessionExpired    Code = "WRAFT-3002"
	CodeSequenceConflict  Code = "WRAFT-3003"
	CodeLeaseNotAllowed   Code = "WRAFT-3004"
	CodeMinIndex          Code = "WRAFT-3005"
	CodeFeatureLevel      Code = "WRAFT-3006"
	CodeUpgradeUnderWay   Code = "WRAFT-3007"
	CodeNothingToRollBack Code = "WRAFT-3008"
	CodeSnapshotUnderWay  Code = "WRAFT-3009"
	CodeSnapshotCurrent   Code = "WRAFT-3010"
	CodeNodeConflict      Code = "WRAFT-3011"
	CodeLastVoter         Code = "WRAFT-3012"
	CodeQuorumLoss        Code = "WRAFT-3013"
	CodeCannotLead        Code = "WRAFT-3014"
	CodeTooStale          Code = "WRAFT-3015"
	CodeTokenExists       Code = "WRAFT-3016"
	CodeNoAuthorityKey    Code = "WRAFT-3017"
	CodeTokenUsed         Code = "WRAFT-3018"
	CodeKeyReused         Code = "WRAFT-3020"

	CodeModuleRefused   Code = "WRAFT-4001"
	CodeMachineRejected Code = "WRAFT-4002"
	CodeMachineTrapped  Code = "WRAFT-4003"
	CodeMachineHalted   Code = "WRAFT-4004"
	CodeMachineStarting Code = "WRAFT-4005"
	CodeOutOfFuel       Code = "WRAFT-4006"
	CodeStackExhausted  Code = "WRAFT-4007"
	CodeNoMemory        Code = "WRAFT-4008"
	CodeUpgradeRefused  Code = "WRAFT-4009"
	CodeRestoring       Code = "WRAFT-4010"
	CodeBackupForm      Code = "WRAFT-4011"
	CodeBackupRefused   Code = "WRAFT-4012"

	CodeNoLeader       Code = "WRAFT-5001"
	CodeNotLeader      Code = "WRAFT-5002"
	CodeTimeout        Code = "WRAFT-5003"
	CodeTimeoutUnknown Code = "WRAFT-5004"
	CodeBackpressure   Code = "WRAFT-5005"
	CodeShuttingDown   Code = "WRAFT-5006"
	CodeDiskFull       Code = "WRAFT-5007"
	CodeNotReady       Code = "WRAFT-5008"
	CodeConnectionLost Code = "WRAFT-5009"
	CodeUpgradePending Code = "WRAFT-5010"
	CodeDeletePending  Code = "WRAFT-5011"
	CodeNodePending    Code = "WRAFT-5012"
	CodeLinkDown       Code = "WRAFT-5013"

	CodeUnreachable Code = "WRAFT-6001"
	CodeTLS         Code = "WRAFT-6002"
	CodeBadAnswer   Code = "WRAFT-6003"
	CodeBackupCut   Code = "WRAFT-6004"

	CodeUsage              Code = "WRAFT-7001"
	CodeConfig             Code = "WRAFT-7002"
	CodeLocalFile          Code = "WRAFT-7003"
	CodeAlreadyInitialized Code = "WRAFT-7004"
	CodeDataDirForeign     Code = "WRAFT-7005"
	CodeDataDirInUse       Code = "WRAFT-7006"
	CodeNotWASM            Code = "WRAFT-7007"
	CodeAddressInUse       Code = "WRAFT-7008"
	CodeDiskFailed         Code = "WRAFT-7009"
	CodeInterrupted        Code = "WRAFT-7010"
	CodeNoCompiler         Code = "WRAFT-7011"
	CodeBuildFailed        Code = "WRAFT-7012"
	CodeProjectExists      Code = "WRAFT-7013"
	CodeScenario           Code = "WRAFT-7014"
	CodeChecksFailed       Code = "WRAFT-7015"
	CodeReleaseTooOld      Code = "WRAFT-7016"
	CodeBackupDamaged      Code = "WRAFT-7017"
	CodeBackupExists       Code = "WRAFT-7018"
	CodeNodeRemoved        Code = "WRAFT-7019"
	CodeUnknownContext     Code = "WRAFT-7020"
	CodeContextExists      Code = "WRAFT-7021"
	CodeUnhealthy          Code = "WRAFT-7022"
	CodeUndecodable        Code = "WRAFT-7023"

	CodeInternal Code = "WRAFT-9001"
)

// Exit is the exit code of the command line for a kind of problem.
type Exit int

// The exit codes. They are a stable contract: scripts branch on them.
const (
	ExitOK          Exit = 0
	ExitFailed      Exit = 1
	ExitUsage       Exit = 2
	ExitUnreachable Exit = 3
	ExitTLS         Exit = 4
	ExitNoQuorum    Exit = 5
	ExitNotFound    Exit = 6
	ExitConflict    Exit = 7
	ExitRefused     Exit = 8
	ExitNegative    Exit = 9
	ExitDiskFailed  Exit = 10 // apart from ExitFailed: a supervisor must not start the node again
	ExitInterrupted Exit = 130
)

// Kind is one entry of the catalogue: everything that is the same for all
// problems of a code.
type Kind struct {
	Code  Code
	Title string
	// Status is the HTTP status, 0 for a kind that only the command line makes.
	Status    int
	Retryable bool
	// Outcome is the usual one; a problem may carry another.
	Outcome Outcome
	Exit    Exit
	// Hint is the default advice.
	Hint string
	// About is the sentence the docs page explains the kind with.
	About string
}

// typeURIBase is the page that docs/ERRORS.md becomes.
const typeURIBase = "https://github.com/wraft/wraft/blob/main/docs/ERRORS.md#"

// TypeURI is the RFC 9457 type of the kind.
func (k Kind) TypeURI() string { return typeURIBase + strings.ToLower(string(k.Code)) }

// byCode finds a kind by its code.
var byCode = func() map[Code]int {
	m := make(map[Code]int, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Code] = i
	}
	return m
}()

// Lookup finds the kind with a code.
func Lookup(code Code) (Kind, bool) {
	i, ok := byCode[code]
	if !ok {
		return Kind{}, false
	}
	return catalogue[i], true
}

// Kinds is the whole catalogue in order of code; the caller owns the slice.
func Kinds() []Kind { return append([]Kind(nil), catalogue...) }
