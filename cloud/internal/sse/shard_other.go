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
	early struct{}
)

// Front returns the listener: there is nothing to take from it here.
func (*Server) Front(l net.Listener, _ string, _ http.Handler) net.Listener { return l }

func (*early) hand(*Server, *Topic, http.Header) {}

func (s *Server) startShards() error { return nil }

func (s *Server) hand(http.ResponseWriter, *net.TCPConn, *Topic) bool { return false }

func (*shard) close()      {}
func (*shard) wake(*Topic) {}
