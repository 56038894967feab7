package route53

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/signpost-dns/signpost/internal/provider"
)

// codeUnreadable is the SDK's code for an error whose form is not the service's,
// such as a proxy's page.
const codeUnreadable = "UnknownError"

// plain returns what went wrong in a call, without the SDK's account of how it
// was made: "no answer from https://route53.amazonaws.com: dial tcp: ...".
func plain(err error) string {
	var refused smithy.APIError
	var sent *url.Error
	var answered *awshttp.ResponseError
	var given *smithy.CanceledError
	var op *smithy.OperationError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() == codeUnreadable && errors.As(err, &answered):
		return fmt.Sprintf("the answer has HTTP status %d and is not Route 53's", answered.HTTPStatusCode())
	case errors.As(err, &refused):
		return strings.TrimSuffix(refused.ErrorCode()+": "+refused.ErrorMessage(), ": ")
	case errors.As(err, &sent):
		return fmt.Sprintf("no answer from %s: %v", server(sent), sent.Err)
	case errors.As(err, &given):
		return fmt.Sprintf("no answer: %v", given.Err)
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// server returns the part of a URL that says who was asked.
func server(e *url.Error) string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return e.URL
	}
	return u.Scheme + "://" + u.Host
}

// unknownError is a call whose answer does not tell what became of it.
type unknownError struct{ cause error }

func (e *unknownError) Error() string { return plain(e.cause) }
func (e *unknownError) Unwrap() error { return e.cause }

// Hint returns what a person can do about a service that does not answer.
func (e *unknownError) Hint() string {
	const reach = "can Amazon be reached from here? see to name resolution, firewall, and HTTPS_PROXY if a proxy is needed"
	var sent *url.Error
	var given *smithy.CanceledError
	switch {
	case errors.As(e.cause, &sent):
		if u, err := url.Parse(sent.URL); err == nil && !amazons(u.Hostname()) {
			return "does something listen there? AWS_ENDPOINT_URL, or endpoint_url in ~/.aws/config, says to ask it in place of Amazon"
		}
		return reach
	case errors.As(e.cause, &given) && errors.Is(given, context.DeadlineExceeded):
		return reach + "; if AWS_ENDPOINT_URL is set that is asked in Amazon's place"
	}
	return ""
}

// amazons reports whether a host is Amazon's own, in any of its partitions (the SDK's partitions.json).
func amazons(host string) bool {
	return slices.ContainsFunc([]string{".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".amazonwebservices.com.cn",
		".amazonwebservices.eu", ".aws", ".ic.gov", ".sgov.gov", ".scloud", ".adc-e.uk"},
		func(domain string) bool { return strings.HasSuffix(host, domain) })
}

// credentialsError says that there is nothing to sign a call with.
type credentialsError struct{ cause error }

func (e *credentialsError) Error() string {
	var op *smithy.OperationError
	switch {
	case !errors.As(e.cause, &op):
		return "no credentials: " + strings.TrimPrefix(e.cause.Error(), "failed to refresh cached credentials, ")
	case e.instance():
		return "no credentials: none in the environment or ~/.aws, and no instance role: " + e.cut(plain(op))
	default:
		return fmt.Sprintf("no credentials: %s %s: %s", op.Service(), op.Operation(), plain(op))
	}
}

func (e *credentialsError) Unwrap() error { return e.cause }

// instance reports whether it was the instance metadata service, which the SDK
// asks last, that had none.
func (e *credentialsError) instance() bool {
	var op *smithy.OperationError
	return errors.As(e.cause, &op) && op.Service() == "ec2imds"
}

// cut leaves out how often it was tried, and that one may switch it off.
func (*credentialsError) cut(words string) string {
	if strings.HasPrefix(words, "access disabled to EC2 IMDS") {
		return "AWS_EC2_METADATA_DISABLED is set"
	}
	return words
}

func (e *credentialsError) hint() string {
	var op *smithy.OperationError
	if errors.As(e.cause, &op) && !e.instance() {
		return "check the role: does it exist, and does its trust policy let this identity assume it?"
	}
	return "give it credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role (IRSA, " +
		"EKS Pod Identity, instance profile)"
}

// configurationError explains a configuration that cannot be read.
func configurationError(err error, profile string) error {
	const op = "read the AWS configuration"
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) {
		return &provider.Error{Kind: provider.ErrDenied, Op: op, Hint: profileHint(profile),
			Cause: &answer{fmt.Sprintf("there is no profile %q in ~/.aws/config or ~/.aws/credentials", missing.Profile), err}}
	}
	return &provider.Error{Kind: provider.ErrDenied, Op: op, Cause: err,
		Hint: "see to the files that AWS_CA_BUNDLE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name, and to ~/.aws"}
}

func profileHint(profile string) string {
	const which = "aws configure list-profiles shows which there are"
	if profile != "" {
		return "correct --aws-profile; " + which
	}
	return "correct or unset AWS_PROFILE; " + which
}
