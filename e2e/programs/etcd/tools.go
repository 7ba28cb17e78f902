//go:build tools

// Package tools names the programs that are built, so that go.mod and go.sum pin what they need.
package tools

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/server/v3"
)
