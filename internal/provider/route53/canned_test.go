package route53

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
)

const xmlns = `xmlns="https://route53.amazonaws.com/doc/2013-04-01/"`

// transport answers requests in the network's place.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/xml"}, "X-Amzn-Requestid": {"r-1"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// canned answers everything alike.
func canned(status int, body string) transport {
	return func(r *http.Request) (*http.Response, error) { return reply(r, status, body), nil }
}

func errorResponse(code, message string) string {
	return fmt.Sprintf(`<?xml version="1.0"?><ErrorResponse %s><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>`+
		`<RequestId>r-1</RequestId></ErrorResponse>`, xmlns, code, message)
}

func invalidChangeBatch(messages ...string) string {
	var list strings.Builder
	for _, m := range messages {
		list.WriteString("<Message>" + m + "</Message>")
	}
	return fmt.Sprintf(`<?xml version="1.0"?><InvalidChangeBatch %s><Messages>%s</Messages><RequestId>r-1</RequestId></InvalidChangeBatch>`,
		xmlns, list.String())
}

func static(t *testing.T, rt http.RoundTripper, options Options) *Provider {
	t.Helper()
	p, err := NewStatic("http://route53.test", rt, options, dns.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parse(t *testing.T, text string) []dns.RecordSet {
	t.Helper()
	sets, err := dns.Parse("example.com.", text)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

// creations returns a batch that creates these, a group each.
func creations(t *testing.T, texts ...string) dns.Batch {
	t.Helper()
	var batch dns.Batch
	for _, text := range texts {
		var group dns.Group
		for _, set := range parse(t, text) {
			group = append(group, dns.Change{New: &set})
		}
		batch = append(batch, group)
	}
	return batch
}
