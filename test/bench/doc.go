// Command bench measures Signpost against its bars and prints a table: what each work takes, how much it may take, and
// what ExternalDNS v0.22 takes, measured in the same way.
//
// The program that is built runs as in a cluster, in processes of its own: it reads objects through its cache from an API
// server over HTTP, and changes zones of an emulated Route 53 over HTTP that takes 50 ms a call and allows 5 calls a
// second. Both servers are in this process, so that what they use is not counted.
//
//	go build -o bin/signpost ./cmd/signpost
//	go run ./test/bench                         # all rows: some 20 minutes
//	go run ./test/bench -quick -rows=one,many   # two rows, at smaller sizes
package main
