// Package cluster pins the Kubernetes API server and the etcd that the tests in test/e2e run against. It holds no
// code: the two programs are the tools of this module's go.mod, and its go.sum fixes every byte they are built from.
//
// It is a module of its own because k8s.io/kubernetes brings some two hundred requirements and thirty replace
// directives, and asks for older Kubernetes libraries than the product uses. In the product's go.mod they would decide
// what the product is built with, and everyone who imports or audits it would have to read them.
//
// The package test/e2e/cluster builds the programs and starts them. By hand:
//
//	go build -C test/cluster -o /tmp/ k8s.io/kubernetes/cmd/kube-apiserver
//
// To move to another Kubernetes, set k8s.io/kubernetes to v1.X.Y, every replacement to v0.X.Y and etcd to the version
// that go.etcd.io/etcd/client/v3 then has, and run `go mod tidy` here. Who builds reads the version from go.mod.
package cluster
