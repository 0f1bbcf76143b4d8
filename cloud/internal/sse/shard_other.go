//go:build !linux

package sse

import (
	"net"
	"net/http"
)

// There are no shards here: every stream is an ordinary one.
type (
	shard struct{}
	part  struct{}
)

func (s *Server) startShards() error { return nil }

func (s *Server) hand(http.ResponseWriter, *net.TCPConn, *Topic) bool { return false }

func (*shard) close()      {}
func (*shard) wake(*Topic) {}
