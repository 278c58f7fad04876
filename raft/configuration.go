package raft

import "github.com/wraft/wraft/raft/confchange"

// Configuration says who votes and who only listens.
type Configuration = confchange.Configuration

// Member is a node in one of its incarnations.
type Member = confchange.Member

// Incarnation counts a node's lives with a fresh disk.
type Incarnation = confchange.Incarnation
