package mutant

// The bugs. All says what each of them does.
const (
	// Elections.
	GrantUnsynced       ID = "grant-unsynced"
	RequestUnsynced     ID = "request-unsynced"
	ForgetVote          ID = "forget-vote"
	VoteReplyTwice      ID = "vote-reply-twice"
	VoteWithoutLog      ID = "vote-without-log"
	StepDownForgetsVote ID = "step-down-forgets-vote"
	PreVoteRaisesTerm   ID = "pre-vote-raises-term"
	TransferToLagging   ID = "transfer-to-lagging"
	TermLeaps           ID = "term-leaps"

	// Commit.
	CommitAboveMatch     ID = "commit-above-match"
	CommitQuorumOffByOne ID = "commit-quorum-off-by-one"
	CommitOldTerm        ID = "commit-old-term"
	OwnLogUnsynced       ID = "own-log-unsynced"
	LateAckCounts        ID = "late-ack-counts"
	VerifiedOutlivesTerm ID = "verified-outlives-term"
	ApplyUnsynced        ID = "apply-unsynced"
	DroppedForUnknown    ID = "dropped-for-unknown"

	// Replication.
	AckBeforeSync        ID = "ack-before-sync"
	AckAboveVerified     ID = "ack-above-verified"
	StaleAppendTruncates ID = "stale-append-truncates"
	LostProbeStalls      ID = "lost-probe-stalls"

	// Membership.
	LearnerInQuorum       ID = "learner-in-quorum"
	ConfigOnApply         ID = "config-on-apply"
	LeaveJointOneMajority ID = "leave-joint-one-majority"
	ElectOneMajority      ID = "elect-one-majority"
	ChangeBeforeNoop      ID = "change-before-noop"
	ConfigOutlivesCut     ID = "config-outlives-cut"
	RestartForgetsConfig  ID = "restart-forgets-config"

	// Reads.
	ReadBeforeNoop     ID = "read-before-noop"
	ReadQuorumOffByOne ID = "read-quorum-off-by-one"
	ReadAfterDeposed   ID = "read-after-deposed"
	AnyRoundEchoes     ID = "any-round-echoes"
	AnyReadReply       ID = "any-read-reply"

	// Leases.
	LeaseFromAck          ID = "lease-from-ack"
	LeaseAfterTimeoutNow  ID = "lease-after-timeout-now"
	NoRefusalAfterRestart ID = "no-refusal-after-restart"
	OwnVoteBreaksPromise  ID = "own-vote-breaks-promise"
	HintBreaksPromise     ID = "hint-breaks-promise"

	// Snapshots.
	SnapshotKeepsConflict   ID = "snapshot-keeps-conflict"
	OlderSnapshotInstalled  ID = "older-snapshot-installed"
	SnapshotWithoutSessions ID = "snapshot-without-sessions"
	InstallKeepsConfig      ID = "install-keeps-config"
	SnapshotOfNewestConfig  ID = "snapshot-of-newest-config"
	InstallAckUnsynced      ID = "install-ack-unsynced"

	// What the core asks of a disk and a driver.
	GatedOneEarly    ID = "gated-one-early"
	CutKeepsWrites   ID = "cut-keeps-writes"
	CommitBeyondLog  ID = "commit-beyond-log"
	TornWrite        ID = "torn-write"
	LyingSync        ID = "lying-sync"
	FailedDiskGoesOn ID = "failed-disk-goes-on"
	DamagedVotes     ID = "damaged-votes"
)

// All returns every bug, in the order of the table in docs/TESTING.md.
func All() []Mutant {
	return []Mutant{
		{AckBeforeSync, "a follower acknowledges entries before they are durable"},
		{CommitAboveMatch, "a follower commits what the leader says beyond what it verified"},
		{CommitQuorumOffByOne, "a leader commits what one node less than a majority holds"},
		{CommitOldTerm, "a leader commits an older term's entry by counting"},
		{GrantUnsynced, "a vote is granted before it is durable"},
		{RequestUnsynced, "votes are asked for in a term that is not durable"},
		{ForgetVote, "a restarted node has forgotten whom it voted for"},
		{VoteReplyTwice, "a repeated grant counts as another voter's"},
		{LearnerInQuorum, "learners count in majorities"},
		{ConfigOnApply, "a configuration counts once it is applied, not once it is appended"},
		{LeaveJointOneMajority, "in a joint configuration the new majority commits alone"},
		{ChangeBeforeNoop, "a leader begins a change before its term's no-op is committed"},
		{LeaseFromAck, "a lease is counted from the answers, not from when they were asked for"},
		{LeaseAfterTimeoutNow, "a leader keeps its lease after it told another node to campaign"},
		{SnapshotKeepsConflict, "a log that reaches as far as a snapshot stays, though its entry there is another one"},
		{OlderSnapshotInstalled, "a snapshot from before the commit index cuts what follows it"},
		{SnapshotWithoutSessions, "a snapshot of the simulated machine lacks its sessions"},
		{ReadBeforeNoop, "a leader answers reads before its term's no-op is committed"},
		{ReadQuorumOffByOne, "a read is proved by one node less than a majority"},
		{StaleAppendTruncates, "a late append cuts the entries behind its own"},
		{AckAboveVerified, "a follower acknowledges its whole log, not what the append verified"},

		{VoteWithoutLog, "votes are granted to candidates whose log is behind"},
		{StepDownForgetsVote, "a candidate that steps down within its term forgets its vote"},
		{PreVoteRaisesTerm, "a pre-vote that is granted raises the term"},
		{ElectOneMajority, "in a joint configuration the new majority elects alone"},
		{TransferToLagging, "leadership is handed to a node without the whole log"},
		{TermLeaps, "a candidate leaps over a million terms"},
		{OwnLogUnsynced, "a leader counts its own log before it is durable"},
		{LateAckCounts, "an acknowledgement of an older term counts in this one"},
		{VerifiedOutlivesTerm, "what an earlier leader verified counts as this leader's log"},
		{ApplyUnsynced, "committed entries are applied before they are durable here"},
		{DroppedForUnknown, "a leader that steps down calls its open proposals dropped"},
		{LostProbeStalls, "a probe that was lost is never repeated"},
		{ConfigOutlivesCut, "a configuration stays in force though its entry was cut"},
		{RestartForgetsConfig, "a restarted node has forgotten the configurations in its log"},
		{ReadAfterDeposed, "a leader that steps down answers its open reads"},
		{AnyRoundEchoes, "any answer of a follower counts for the newest read round"},
		{AnyReadReply, "a follower takes the answer to an earlier question for this one's"},
		{NoRefusalAfterRestart, "a restarted node grants votes at once, whatever it promised before"},
		{OwnVoteBreaksPromise, "a node campaigns though it promised not to vote"},
		{HintBreaksPromise, "a hint that the leader is gone lets a voter break its promise"},
		{InstallKeepsConfig, "a node that installs a snapshot keeps its own configuration"},
		{SnapshotOfNewestConfig, "a snapshot names the configuration in force, not that of its index"},
		{InstallAckUnsynced, "a follower acknowledges a snapshot before it is published durably"},
		{GatedOneEarly, "messages leave one write before the one they wait for"},
		{CutKeepsWrites, "writes of entries that were cut count as the log's once they are durable"},
		{CommitBeyondLog, "the hard state names a commit index beyond the log"},
		{TornWrite, "a crash keeps the hard state of a write and loses its entries"},
		{LyingSync, "a disk reports its newest write durable too early"},
		{FailedDiskGoesOn, "a node goes on after its disk failed"},
		{DamagedVotes, "a node that lost entries it had acknowledged votes and campaigns"},
	}
}
