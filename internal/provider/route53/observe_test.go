package route53

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Each request is told of, with what came of it.
func TestRequestsAreToldOf(t *testing.T) {
	denied := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if denied {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`))
			return
		}
		_, _ = w.Write([]byte(`<ListHostedZonesResponse><HostedZones/><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesResponse>`))
	}))
	defer server.Close()
	type told struct {
		Operation, Result, Path, Method string
		Status                          int
	}
	var got []told
	p, err := NewStatic(server.URL, nil, Options{OnRequest: func(r Request) {
		got = append(got, told{r.Operation, r.Result, r.URL.Path, r.Method, r.Status})
	}}, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() { _, _ = p.Zones(context.Background()) } // its errors are another test's
	ask()
	denied = true
	ask()
	server.Close()
	ask()
	const path = "/2013-04-01/hostedzone"
	want := []told{
		{"ListHostedZones", "ok", path, "GET", 200},
		{"ListHostedZones", "AccessDenied", path, "GET", 403},
		{"ListHostedZones", "no answer", path, "GET", 0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("told of (-want +got):\n%s", d)
	}
}
