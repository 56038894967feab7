package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// refusing is a Route 53 that takes one address for none, and refuses every batch that holds it.
func refusing(server *emulator.Server, address string) http.Handler {
	if address == "" {
		return server
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if strings.Contains(string(body), "<Value>"+address+"</Value>") {
			server.Inject(emulator.Fault{Action: changeAction, Messages: []string{fmt.Sprintf(
				"Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '%s'", address)}})
		}
		server.ServeHTTP(w, r)
	})
}
