package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startAPIServer runs as much of an API server as one list of an Ingress needs.
func startAPIServer(ts *testscript.TestScript, denied []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		query := r.URL.Query()
		switch {
		case resource == "version":
			reply(w, http.StatusOK, map[string]string{"gitVersion": "v1.36.3"})
		case slices.Contains(denied, resource):
			refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden,
				fmt.Sprintf(`%s is forbidden: User "signpost" cannot list resource %q in API group "" at the cluster scope`, resource, resource))
		case query.Get("sendInitialEvents") != "":
			refuse(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "sendInitialEvents is forbidden")
		case query.Get("watch") != "":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case resource == "ingresses":
			reply(w, http.StatusOK, json.RawMessage(oneIngress))
		default:
			reply(w, http.StatusOK, json.RawMessage(`{"kind": "ServiceList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}`))
		}
	}))
	ts.Defer(server.CloseClientConnections)
	ts.Defer(server.Close)
	ts.Setenv("APISERVER", server.URL)
}

const oneIngress = `{"kind": "IngressList", "apiVersion": "networking.k8s.io/v1", "metadata": {"resourceVersion": "1"}, "items": [{
	"metadata": {"namespace": "default", "name": "web", "resourceVersion": "1"},
	"spec": {"rules": [{"host": "web.example.com"}]},
	"status": {"loadBalancer": {"ingress": [{"ip": "192.168.10.51"}]}}}]}`

func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	reply(w, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message})
}

func reply(w http.ResponseWriter, code int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // a client that went away needs no answer
}

// startMetadata runs an instance metadata service for an instance without role.
func startMetadata(ts *testscript.TestScript) {
	server := httptest.NewServer(http.NotFoundHandler())
	ts.Defer(server.Close)
	ts.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
}

// startSilence takes connections, and nothing else.
func startSilence(ts *testscript.TestScript) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ts.Check(listener.Close()) })
	ts.Setenv("SILENCE", "http://"+listener.Addr().String())
}
