//go:build tools

// Package tools pins the kube-proxy that the benchmarks compare with: `go build k8s.io/kubernetes/cmd/kube-proxy`
// in this folder builds exactly the version that go.mod and go.sum name.
package tools

import _ "k8s.io/kubernetes/cmd/kube-proxy"
