package route53

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// failing is a network that answers nothing.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// TestWords holds the errors to what a person reads.
func TestWords(t *testing.T) {
	refused := errors.New("dial tcp 192.0.2.1:443: connect: connection refused")
	tests := []struct {
		name      string
		transport http.RoundTripper
		want      string
	}{
		{"no answer", failing{refused}, "ListHostedZones: no answer from http://127.0.0.1: " + refused.Error()},
		{"no answer in time", failing{context.DeadlineExceeded}, "ListHostedZones: no answer from http://127.0.0.1: context deadline exceeded"},
		{"out of order", canned(http.StatusServiceUnavailable, errorResponse("ServiceUnavailable", "Come again.")),
			"ListHostedZones: ServiceUnavailable: Come again."},
		{"somebody else", canned(http.StatusBadGateway, "<html>proxy</html>"), "ListHostedZones: the answer has HTTP status 502 and is not Route 53's"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := NewStatic("http://127.0.0.1", tt.transport, Options{}, dns.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Zones(t.Context())
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if f, ok := tt.transport.(failing); ok && !errors.Is(err, f.err) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

func TestHintsOnSilence(t *testing.T) {
	tests := []struct{ url, want string }{
		{"https://route53.amazonaws.com", "can Amazon be reached"},
		{"https://route53.amazonaws.com.cn", "can Amazon be reached"},
		{"https://route53.amazonaws.eu", "can Amazon be reached"},
		{"https://route53.c2s.ic.gov", "can Amazon be reached"},
		{"https://route53.us-gov.api.aws", "can Amazon be reached"},
		{"http://127.0.0.1:4580", "AWS_ENDPOINT_URL"},
	}
	for _, tt := range tests {
		p, err := NewStatic(tt.url, failing{errors.New("EOF")}, Options{}, dns.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Zones(t.Context())
		var hinted interface{ Hint() string }
		if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), tt.want) {
			t.Errorf("%s: got %v, want a hint with %q", tt.url, err, tt.want)
		}
	}
}

// late answers when nobody waits any more.
type late struct{}

func (late) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestWordsOnSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := NewStatic("https://route53.amazonaws.com", late{}, Options{}, dns.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = p.Zones(ctx)
		if want := "ListHostedZones: no answer: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if want := "can Amazon be reached"; !strings.Contains(provider.Hint(err), want) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %#v with the hint %q, want a hint with %q", err, provider.Hint(err), want)
		}
	})
}

func TestWordsOfConfiguration(t *testing.T) {
	for _, tt := range []struct{ variable, value, want, hint string }{
		{"AWS_PROFILE", "nowhere", `read the AWS configuration: there is no profile "nowhere" in ~/.aws/config or ~/.aws/credentials`, "AWS_PROFILE"},
		{"AWS_CA_BUNDLE", "/nowhere", "read the AWS configuration: open /nowhere: no such file or directory", "AWS_CA_BUNDLE"},
	} {
		bare(t)
		t.Setenv(tt.variable, tt.value)
		_, err := New(t.Context(), Options{}, dns.Filter{}, "1.2.3")
		if err == nil || err.Error() != tt.want || !strings.Contains(provider.Hint(err), tt.hint) {
			t.Errorf("%s: got %v (%s)", tt.variable, err, provider.Hint(err))
		}
	}
}

func TestWordsOfCredentials(t *testing.T) {
	metadata := httptest.NewServer(http.NotFoundHandler())
	defer metadata.Close()
	tests := []struct {
		name       string
		vars       map[string]string
		want, hint string
	}{
		{"off", map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, "and no instance role: AWS_EC2_METADATA_DISABLED is set", "AWS_ACCESS_KEY_ID"},
		{"no role", map[string]string{"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.URL},
			"and no instance role: ", "AWS_ACCESS_KEY_ID"},
		{"web identity", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "words_test.go", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
			"AWS_ENDPOINT_URL_STS": metadata.URL}, "STS AssumeRoleWithWebIdentity: ", "trust policy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bare(t)
			for name, value := range tt.vars {
				t.Setenv(name, value)
			}
			p, err := New(t.Context(), Options{}, dns.Filter{}, "1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Zones(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), "ListHostedZones: no credentials: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			for _, noise := range []string{"RequestID", "operation error", "exceeded maximum", "failed to"} {
				if err != nil && strings.Contains(err.Error(), noise) {
					t.Errorf("%q is in %v", noise, err)
				}
			}
			if !strings.Contains(provider.Hint(err), tt.hint) {
				t.Errorf("hint: %s", provider.Hint(err))
			}
		})
	}
	other := &credentialsError{errors.New("failed to refresh cached credentials, the process said no")}
	if got, want := other.Error(), "no credentials: the process said no"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(other.hint(), "profile") {
		t.Errorf("hint: %s", other.hint())
	}
}
