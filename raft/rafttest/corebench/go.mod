module github.com/wraft/wraft/raft/rafttest/corebench

go 1.26.0

require (
	github.com/wraft/wraft v0.0.0
	go.etcd.io/raft/v3 v3.7.0
)

require google.golang.org/protobuf v1.36.12 // indirect

replace github.com/wraft/wraft => ../../..
