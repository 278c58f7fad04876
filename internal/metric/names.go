package metric

// Replicas and who leads them.
const (
	RaftIsLeader            = "wraft_raft_is_leader"
	RaftTerm                = "wraft_raft_term"
	RaftTermJumpsTotal      = "wraft_raft_term_jumps_total"
	RaftCommitIndex         = "wraft_raft_commit_index"
	RaftSnapshotIndex       = "wraft_raft_snapshot_index"
	RaftPurgedIndex         = "wraft_raft_purged_index"
	RaftFollowerLagEntries  = "wraft_raft_follower_lag_entries"
	RaftDiskStalled         = "wraft_raft_disk_stalled"
	RaftFollowerDiskFull    = "wraft_raft_follower_disk_full"
	RaftFollowerDiskStalled = "wraft_raft_follower_disk_stalled"
	DeadNodesRemovedTotal   = "wraft_dead_nodes_removed_total"
	LeaderTransfersTotal    = "wraft_leader_transfers_total"
	RaftCommitsTotal        = "wraft_raft_commits_total"
	RaftCommitSecondsTotal  = "wraft_raft_commit_seconds_total"
)

// Machines, as they run on this node.
const (
	MachineEventsTotal         = "wraft_machine_events_total"
	MachineEventsKeptBytes     = "wraft_machine_events_kept_bytes"
	MachineAppliedIndex        = "wraft_machine_applied_index"
	MachineRunning             = "wraft_machine_running"
	MachineRebuildsTotal       = "wraft_machine_rebuilds_total"
	MachineCommandsTotal       = "wraft_machine_commands_total"
	MachineCommandsFailedTotal = "wraft_machine_commands_failed_total"
	MachineApplySecondsTotal   = "wraft_machine_apply_seconds_total"
	MachineFuelTotal           = "wraft_machine_fuel_total"
	MachineMemoryBytes         = "wraft_machine_memory_bytes"
	MachineMemoryLimitBytes    = "wraft_machine_memory_limit_bytes"
	MachineSessions            = "wraft_machine_sessions"
	MachineIdempotencyKeys     = "wraft_machine_idempotency_keys"
)

// The disk and what is written to it.
const (
	StorageSyncsTotal        = "wraft_storage_syncs_total"
	StorageBatchesTotal      = "wraft_storage_batches_total"
	StorageEntriesTotal      = "wraft_storage_entries_total"
	StorageWrittenBytesTotal = "wraft_storage_written_bytes_total"
	StorageSyncSecondsTotal  = "wraft_storage_sync_seconds_total"
	ScrubPassesTotal         = "wraft_scrub_passes_total"
	ScrubReadBytesTotal      = "wraft_scrub_read_bytes_total"
	ScrubDamagedTotal        = "wraft_scrub_damaged_total"
	DiskFreeBytes            = "wraft_disk_free_bytes"
	DiskFull                 = "wraft_disk_full"
	DiskBallastBytes         = "wraft_disk_ballast_bytes"
)

// Snapshots.
const (
	SnapshotsTakenTotal         = "wraft_snapshots_taken_total"
	SnapshotsFailedTotal        = "wraft_snapshots_failed_total"
	SnapshotsInstalledTotal     = "wraft_snapshots_installed_total"
	SnapshotExportsTotal        = "wraft_snapshot_exports_total"
	SnapshotExportsRefusedTotal = "wraft_snapshot_exports_refused_total"
	SnapshotsDamagedTotal       = "wraft_snapshots_damaged_total"
	SnapshotWrittenBytesTotal   = "wraft_snapshot_written_bytes_total"
	SnapshotReceivedBytesTotal  = "wraft_snapshot_received_bytes_total"
)

// Modules and artefacts.
const (
	ModulesStored            = "wraft_modules_stored"
	ModulesStoredBytes       = "wraft_modules_stored_bytes"
	ModulesRemovalPaused     = "wraft_modules_removal_paused"
	ModulesRemovedTotal      = "wraft_modules_removed_total"
	ModulesRemovedBytesTotal = "wraft_modules_removed_bytes_total"
)

// Links to other nodes, and who may have one.
const (
	LinkUp                    = "wraft_link_up"
	LinkDown                  = "wraft_link_down"
	LinkNarrowedTotal         = "wraft_link_narrowed_total"
	LinkRTTSeconds            = "wraft_link_rtt_seconds"
	LinkRTTVarianceSeconds    = "wraft_link_rtt_variance_seconds"
	LinkSentBytesTotal        = "wraft_link_sent_bytes_total"
	LinkReceivedBytesTotal    = "wraft_link_received_bytes_total"
	LinkSentPacketsTotal      = "wraft_link_sent_packets_total"
	LinkLostPacketsTotal      = "wraft_link_lost_packets_total"
	LinkDroppedFramesTotal    = "wraft_link_dropped_frames_total"
	LinkRepairActive          = "wraft_link_repair_active"
	LinkPathLossRatio         = "wraft_link_path_loss_ratio"
	LinkPathLostPacketsTotal  = "wraft_link_path_lost_packets_total"
	LinkRepairedPacketsTotal  = "wraft_link_repaired_packets_total"
	LinkRebuiltPacketsTotal   = "wraft_link_rebuilt_packets_total"
	LinkParityPacketsTotal    = "wraft_link_parity_packets_total"
	LinkParityBytesTotal      = "wraft_link_parity_bytes_total"
	LinkCopyPacketsTotal      = "wraft_link_copy_packets_total"
	LinkCopyBytesTotal        = "wraft_link_copy_bytes_total"
	LinkReconnectsTotal       = "wraft_link_reconnects_total"
	CertificateExpiresSeconds = "wraft_certificate_expires_seconds"
	CertificateFilesUnusable  = "wraft_certificate_files_unusable"
	PeerRefusalsTotal         = "wraft_peer_refusals_total"
	PeerRetriesTotal          = "wraft_peer_retries_total"
)

// What clients ask.
const (
	APIRequestsTotal       = "wraft_api_requests_total"
	APIRequestSeconds      = "wraft_api_request_seconds"
	APIInflightRequests    = "wraft_api_inflight_requests"
	EventStreams           = "wraft_event_streams"
	EventStreamsEndedTotal = "wraft_event_streams_ended_total"
	APIConnections         = "wraft_api_connections"
	APIClosedTotal         = "wraft_api_closed_total"
	NativeRequestsTotal    = "wraft_native_requests_total"
	NativeRequestSeconds   = "wraft_native_request_seconds"
	NativeClosedTotal      = "wraft_native_closed_total"
	NativeRetriesTotal     = "wraft_native_retries_total"
	NativeConnections      = "wraft_native_connections"
	NativeInflightRequests = "wraft_native_inflight_requests"
)

// Spans.
const (
	TracesExportedTotal = "wraft_traces_exported_total"
	TracesDroppedTotal  = "wraft_traces_dropped_total"
)
