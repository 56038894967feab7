package route53

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

var zone = dns.Zone{ID: "Z1", Name: "example.com."}

// refusedBatch is what the messages below are about.
var refusedBatch = []string{
	"x 300 IN A 192.0.2.1\na-x 300 IN TXT \"claim\"",
	"y 300 IN CNAME target.example.net.\ncname-y 300 IN TXT \"claim\"",
	"z 300 IN A 192.0.2.1 ;! id=s weight=1\nz 300 IN A 192.0.2.2 ;! id=t weight=1",
	"*.w ALIAS A t.example.com. zone=Z1 health=true",
	"long 300 IN TXT \"abcdefgh\" ;! id=u weight=1 health-check=hc-1",
	"@ 300 IN CNAME target.example.net.",
}

// Every text of InvalidChangeBatch that is known, with the kind that it means
// and the groups of refusedBatch that it names.
var messages = []struct {
	text   string
	kind   error
	groups []int
}{
	{"Tried to create resource record set [name='x.example.com.', type='A'] but it already exists", provider.ErrConflict, []int{0}},
	{"Tried to create resource record set [name='z.example.com.', type='A', set identifier='t'] but it already exists", provider.ErrConflict, []int{2}},
	{`Tried to create resource record set [name='\052.w.example.com.', type='A'] but it already exists`, provider.ErrConflict, []int{3}},
	{"Tried to delete resource record set [name='a-x.example.com.', type='TXT'] but it was not found", provider.ErrConflict, []int{0}},
	{"Tried to delete resource record set [name='x.example.com.', type='A'] but the values provided do not match the current values", provider.ErrConflict, []int{0}},
	{"RRSet of type A with DNS name x.example.com. is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone example.com.", provider.ErrConflict, []int{0}},
	{"RRSet of type CNAME with DNS name y.example.com. is not permitted as it conflicts with other records with the same DNS name in zone example.com.", provider.ErrConflict, []int{1}},
	{"RRSet with DNS name z.example.com., type A, SetIdentifier s cannot be created as a non-weighted set exists with the same name and type.", provider.ErrConflict, []int{2}},
	{"RRSet with DNS name x.example.com., type A cannot be created as other RRSets exist with the same name and type.", provider.ErrConflict, []int{0}},
	{"RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com.", provider.ErrRejected, []int{5}},
	{"RRSet with DNS name x.example.com. is not permitted in zone example.net.", provider.ErrRejected, []int{0}},
	{"The request contains an invalid set of changes for a resource record set 'TXT cname-y.example.com.'", provider.ErrRejected, []int{1}},
	{"Tried to create an alias that targets t.example.com., type A in zone Z1, but the alias target name does not lie within the target zone", provider.ErrRejected, []int{3}},
	{"Tried to create an alias that targets t.example.com., type A in zone Z1, but that target was not found", provider.ErrRejected, []int{3}},
	{"FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with 'target.example.net.'", provider.ErrRejected, []int{1, 5}},
	{"Invalid Resource Record: FATAL problem: CharacterStringTooLong (Value is too long) encountered with 'abcdefgh'", provider.ErrRejected, []int{4}},
	{`Invalid Resource Record: FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '"abcdefgh"'`, provider.ErrRejected, []int{4}},
	{"Invalid Resource Record: FATAL problem: DomainNameEmpty (Domain name is empty) encountered with ''", provider.ErrRejected, nil},
	{"Number of records limit of 1000 exceeded.", provider.ErrFull, nil}, // the batch is far from it
	{"Number of records limit of 10000 exceeded.", provider.ErrFull, nil},
	{"Number of characters limit of 32000 exceeded.", provider.ErrRejected, nil},
	{"Tried to create resource record set [name='z.example.com.', type='A', set-identifier='t'] but it already exists", provider.ErrConflict, []int{2}},
	{"RRSet with DNS name z.example.com., type A, SetIdentifier s, and Region Name=eu-west-1 cannot be created because a latency RRSet with the same name, type and region already exists.", provider.ErrConflict, []int{2}},
	{"RRSet with DNS name z.example.com. and type A, SetIdentifier s cannot be created as weighted sets must contain the same TTL.", provider.ErrConflict, []int{2}},
	{"Something that nobody has seen, with a comma", provider.ErrRejected, nil},
}

func applied(t *testing.T, status int, body string) error {
	t.Helper()
	return static(t, canned(status, body), Options{}).Apply(t.Context(), zone, creations(t, refusedBatch...))
}

func escape(s string) string {
	return strings.NewReplacer("'", "&apos;", `"`, "&quot;").Replace(s)
}

func TestMessagesOneByOne(t *testing.T) {
	for _, m := range messages {
		for shape, body := range map[string]string{
			"bare":     errorResponse("InvalidChangeBatch", escape(m.text)),
			"brackets": errorResponse("InvalidChangeBatch", "["+escape(m.text)+"]"),
			"list":     invalidChangeBatch(escape(m.text)),
		} {
			err := applied(t, 400, body)
			if !errors.Is(err, m.kind) {
				t.Errorf("%s, %s: want %v, got %v", m.text, shape, m.kind, err)
			}
			var e *provider.Error
			if !errors.As(err, &e) || !slices.Equal(indices(e.Groups), m.groups) {
				t.Errorf("%s, %s: want groups %v, got %+v", m.text, shape, m.groups, e)
				continue
			}
			for _, g := range e.Groups {
				if g.Message != m.text || g.Kind != m.kind {
					t.Errorf("%s, %s: group %d says %q of kind %v", m.text, shape, g.Group, g.Message, g.Kind)
				}
			}
			if want := "ChangeResourceRecordSets in zone Z1: " + m.text; e.Error() != want {
				t.Errorf("%s: want %q, got %q", shape, want, e.Error())
			}
		}
	}
}

// All messages but the unknown one, in one answer: they come apart again.
func TestMessagesTogether(t *testing.T) {
	var texts []string
	named := map[int]bool{}
	for _, m := range messages[:len(messages)-1] {
		texts = append(texts, m.text)
		for _, g := range m.groups {
			named[g] = true
		}
	}
	err := applied(t, 400, errorResponse("InvalidChangeBatch", escape("["+strings.Join(texts, ", ")+"]")))
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.ErrFull {
		t.Fatalf("want ErrFull, since one says so, got %v", err)
	}
	for _, g := range e.Groups {
		if !slices.Contains(texts, g.Message) {
			t.Errorf("group %d got a message that was not sent: %q", g.Group, g.Message)
		}
		delete(named, g.Group)
	}
	if len(named) > 0 {
		t.Errorf("groups %v are not named", named)
	}
}

// A missing permission is laid at the door of what the message names, if
// anything, and a word on the action alone has a hint of its own.
func TestDeniedChanges(t *testing.T) {
	const words = "User: arn:aws:iam::1:user/u is not authorized to perform: route53:ChangeResourceRecordSets on resource: " +
		"arn:aws:route53:::hostedzone/Z1 "
	for _, test := range []struct {
		message string
		hint    string
		groups  []int
	}{
		{words + "because no identity-based policy allows the route53:ChangeResourceRecordSets action", "for CREATE and DELETE of these names and types", nil},
		{words + "with an explicit deny in a service control policy", "for CREATE and DELETE of these names and types", nil},
		{words + "for the change action DELETE", "allow the action DELETE too", nil},
		{words + "with [Action=CREATE, Name=y.example.com., Type=CNAME, SetIdentifier=null]", "for CREATE and DELETE of these names and types", []int{1}},
	} {
		err := applied(t, 403, errorResponse("AccessDenied", test.message))
		var e *provider.Error
		if !errors.As(err, &e) || e.Kind != provider.ErrDenied || !strings.Contains(e.Hint, test.hint) || !slices.Equal(indices(e.Groups), test.groups) {
			t.Errorf("%s: want ErrDenied of %v with the hint %q, got %+v", test.message, test.groups, test.hint, e)
			continue
		}
		for _, g := range e.Groups {
			if g.Kind != provider.ErrDenied || g.Message != test.message {
				t.Errorf("%s: group %d says %q of kind %v", test.message, g.Group, g.Message, g.Kind)
			}
		}
	}
}

// A batch beyond the limit of batches is that, and no full zone.
func TestTooManyValuesAreNoFullZone(t *testing.T) {
	const message = "Number of records limit of 1000 exceeded."
	many := make([]string, 0, 1001)
	for i := range 1001 {
		many = append(many, fmt.Sprintf("n%d 300 IN A 192.0.2.1", i))
	}
	err := static(t, canned(400, errorResponse("InvalidChangeBatch", "["+message+"]")), Options{}).Apply(t.Context(), zone, creations(t, many...))
	if !errors.Is(err, provider.ErrRejected) || errors.Is(err, provider.ErrFull) {
		t.Errorf("want ErrRejected and not ErrFull, got %v", err)
	}
}

func indices(groups []provider.GroupError) []int {
	var out []int
	for _, g := range groups {
		out = append(out, g.Group)
	}
	return out
}

func TestCodes(t *testing.T) {
	tests := []struct {
		status  int
		code    string
		message string
		kind    error // nil: the outcome is unknown
		hint    string
	}{
		{400, "Throttling", "Rate exceeded", provider.ErrThrottled, ""},
		{429, "TooManyRequests", "", provider.ErrThrottled, ""},
		{400, "PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request.", provider.ErrBusy, ""},
		{403, "AccessDenied", "User: arn:aws:iam::1:user/u is not authorized to perform: route53:ChangeResourceRecordSets", provider.ErrDenied,
			"allow route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/Z1"},
		{403, "InvalidClientTokenId", "The security token included in the request is invalid.", provider.ErrDenied, "check the access key"},
		{403, "SignatureDoesNotMatch", "", provider.ErrDenied, "check the secret access key"},
		{403, "ExpiredToken", "", provider.ErrDenied, "have expired"},
		{404, "NoSuchHostedZone", "No hosted zone found with ID: Z1", provider.ErrDenied, "deleted"},
		{400, "InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], " +
			"but found none in Change with [Action=CREATE, Name=x.example.com., Type=A, SetIdentifier=null]", provider.ErrRejected, ""},
		{404, "NoSuchHealthCheck", "No health check exists with the specified ID: hc-1", provider.ErrRejected, ""},
		{500, "InternalFailure", "", nil, ""},
		{503, "ServiceUnavailable", "", nil, ""},
	}
	for _, test := range tests {
		err := applied(t, test.status, errorResponse(test.code, test.message))
		var e *provider.Error
		if typed := errors.As(err, &e); typed != (test.kind != nil) || err == nil {
			t.Errorf("%s: want kind %v, got %v", test.code, test.kind, err)
			continue
		} else if !typed {
			if !strings.Contains(err.Error(), "ChangeResourceRecordSets in zone Z1: ") || !strings.Contains(err.Error(), test.code) {
				t.Errorf("%s: the error says neither act nor cause: %v", test.code, err)
			}
			continue
		}
		if e.Kind != test.kind || !strings.Contains(e.Hint, test.hint) || !strings.Contains(e.Error(), test.message) {
			t.Errorf("%s: want %v with hint %q, got %v with hint %q", test.code, test.kind, test.hint, e, e.Hint)
		}
		want := map[string][]int{"InvalidInput": {0}, "NoSuchHealthCheck": {4}}[test.code]
		if !slices.Equal(indices(e.Groups), want) {
			t.Errorf("%s: want groups %v, got %v", test.code, want, e.Groups)
		}
	}
}

// What is no answer of the service leaves the outcome open.
func TestNoAnswer(t *testing.T) {
	batch := creations(t, "x 300 IN A 192.0.2.1")
	for what, rt := range map[string]transport{
		"cut":     func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"garbage": canned(502, "<html>Bad gateway"),
		"empty":   canned(500, ""),
	} {
		calls := 0
		err := static(t, transport(func(r *http.Request) (*http.Response, error) { calls++; return rt(r) }), Options{}).
			Apply(t.Context(), zone, batch)
		var e *provider.Error
		if err == nil || errors.As(err, &e) {
			t.Errorf("%s: want an error without a kind, got %#v", what, err)
		}
		if calls != 1 {
			t.Errorf("%s: %d requests, want 1: the retry layer is above", what, calls)
		}
	}
	late, stop := context.WithCancelCause(t.Context())
	stop(context.DeadlineExceeded)
	if err := static(t, canned(200, ""), Options{}).Apply(late, zone, batch); !errors.Is(err, context.Canceled) {
		t.Errorf("want context.Canceled, got %v", err)
	}
}

func TestOpaqueIsRefusedBeforeAnyCall(t *testing.T) {
	p := static(t, transport(func(*http.Request) (*http.Response, error) {
		t.Error("a call was made")
		return nil, io.EOF
	}), Options{})
	batch := creations(t, "x 300 IN A 192.0.2.1", "y 300 IN A 192.0.2.1")
	old := batch[1][0].New.WithOpaque(map[string]string{"TrafficPolicyInstanceId": "tpi"})
	batch[1][0].Old = &old
	err := p.Apply(t.Context(), zone, batch)
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.ErrRejected || !slices.Equal(indices(e.Groups), []int{1}) {
		t.Errorf("want ErrRejected of group 1, got %v", err)
	}
}
