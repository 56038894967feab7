package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
)

// Error codes of the API that are told apart by name (API reference, the
// actions' errors and Common Errors).
const (
	codeNoSuchZone   = "NoSuchHostedZone"
	codeInvalidInput = "InvalidInput"
	codeBusyZone     = "PriorRequestNotComplete"
)

var (
	errOpaque   = errors.New("a record set has fields that Signpost does not model")
	errDeletion = errors.New("what is not permitted to delete cannot be deleted by writing over it")

	throttlingCodes = []string{"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
		"RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "BandwidthLimitExceeded",
		"SlowDown"}
	permissionCodes = []string{"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"}
	credentialCodes = []string{"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch",
		"InvalidSignatureException", "IncompleteSignature", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "RequestExpired", "AuthFailure",
		"InvalidAccessKeyId", "OptInRequired"}
)

// markedCredentials marks the errors of credentials, so that they can be told
// from those of the call that needed them. A caller who went away is no fault of
// the credentials; a time-out within their source is.
type markedCredentials struct{ aws.CredentialsProvider }

func (m markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = &credentialsError{err}
	}
	return c, err
}

// answer is the service's own words without the SDK's wrapping, which stays
// reachable below.
type answer struct {
	words string
	cause error
}

func (a *answer) Error() string { return a.words }
func (a *answer) Unwrap() error { return a.cause }

// fail returns what the engine makes of an error of the SDK. It is an
// [provider.Error] if the service answered with one of its refusals, or if
// there were no credentials to ask with. Anything else (5xx, a cut connection,
// a time-out) leaves the outcome unknown.
func (p *Provider) fail(op, zone string, batch dns.Batch, err error) error {
	e := &provider.Error{Op: op, Zone: zone, Cause: err}
	var refused smithy.APIError
	var unsigned *credentialsError
	switch {
	case errors.As(err, &unsigned):
		e.Kind, e.Cause, e.Hint = provider.ErrDenied, unsigned, unsigned.hint()
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return unknown(op, zone, err)
	case !errors.As(err, &refused):
		return unknown(op, zone, err)
	default:
		p.judge(e, batch, refused)
	}
	if e.Kind == nil {
		return unknown(op, zone, err)
	}
	return e
}

func unknown(op, zone string, err error) error {
	err = &unknownError{err}
	if zone == "" {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s in zone %s: %w", op, zone, err)
}

// judge fills in what the service's answer means; no kind if it means nothing.
func (p *Provider) judge(e *provider.Error, batch dns.Batch, refused smithy.APIError) {
	code, status := refused.ErrorCode(), 0
	var response *awshttp.ResponseError
	if errors.As(e.Cause, &response) {
		status = response.HTTPStatusCode()
	}
	words := plain(e.Cause)
	var invalid *types.InvalidChangeBatch
	switch {
	case errors.As(e.Cause, &invalid):
		messages := splitMessages(refused.ErrorMessage())
		if len(invalid.Messages) > 0 {
			messages = invalid.Messages
		}
		words = strings.Join(messages, "; ")
		e.Groups, e.Kind = blame(messages, batch)
		if slices.ContainsFunc(messages, func(m string) bool { return fullZone(m, batch) }) {
			e.Kind, e.Hint = provider.ErrFull, fullHint
		}
	case code == codeBusyZone:
		e.Kind = provider.ErrBusy
	case slices.Contains(throttlingCodes, code) || status == http.StatusTooManyRequests:
		e.Kind = provider.ErrThrottled
	case slices.Contains(credentialCodes, code):
		p.renew()
		e.Kind, e.Hint = provider.ErrDenied, credentialHint(code)
	case code == codeNoSuchZone:
		e.Kind, e.Hint = provider.ErrDenied, "the zone was deleted, or it belongs to another account than the credentials"
	case slices.Contains(permissionCodes, code) || status == http.StatusForbidden:
		p.denied(e, batch, refused.ErrorMessage())
	case status >= 400 && status < 500:
		e.Kind = provider.ErrRejected
		e.Groups, _ = blame([]string{refused.ErrorMessage()}, batch)
		for i := range e.Groups {
			e.Groups[i].Kind = provider.ErrRejected
		}
	}
	e.Cause = &answer{words, e.Cause}
}

func credentialHint(code string) string {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return "the session's credentials have expired: renew them"
	case "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired":
		return "check the secret access key, and this machine's clock"
	case "OptInRequired":
		return "the account must be activated for Route 53"
	}
	return "check the access key: AWS does not know it"
}

// denied fills in what a missing permission means. IAM can narrow the one to
// change record sets by name, type and action (developer guide,
// specifying-conditions-route53). Its message names the action and the zone;
// what else it may name is found as in other refusals.
func (p *Provider) denied(e *provider.Error, batch dns.Batch, message string) {
	e.Kind, e.Hint = provider.ErrDenied, p.permissionHint(e.Op, e.Zone)
	if e.Op != opChange {
		return
	}
	e.Groups, _ = blame([]string{message}, batch)
	for i := range e.Groups {
		e.Groups[i].Kind = provider.ErrDenied
	}
	if deniedDeletion.MatchString(message) {
		e.Hint = "allow the action DELETE too (condition route53:ChangeResourceRecordSetsActions) on " + p.arn(e.Zone) +
			": a change deletes the old record set and creates the new one, both or neither"
	}
}

// deniedDeletion is how a message would say that it is DELETE alone.
var deniedDeletion = regexp.MustCompile(`\bDELETE\b`)

func (p *Provider) permissionHint(op, zone string) string {
	switch op {
	case opTags:
		return "allow route53:" + opTags + " on " + p.arn("*") + ", or choose zones by other means than --aws-zone-tags"
	case "ListHostedZones":
		return "allow route53:ListHostedZones on *, or name the zones by complete ID with --zone-id-filter"
	case opChange:
		return "allow route53:" + op + " on " + p.arn(zone) + " for CREATE and DELETE of these names and types"
	}
	return "allow route53:" + op + " on " + p.arn(zone)
}

// notPermitted reports whether err says that the credentials are good and the
// permission is missing.
func notPermitted(err error) bool { return isCode(err, permissionCodes...) }

func isCode(err error, codes ...string) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && slices.Contains(codes, refused.ErrorCode())
}
