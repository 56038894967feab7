package route53

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	smithymiddleware "github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Request is one HTTP request to the service that has ended.
type Request struct {
	Operation string // the API's name: ListResourceRecordSets
	Result    string // "ok", the service's error code, or "no answer"
	URL       *url.URL
	Method    string
	Status    int // 0 if there was no answer
	Took      time.Duration
}

// observe makes the client tell of each request.
func observe(tell func(Request)) func(*smithymiddleware.Stack) error {
	return func(stack *smithymiddleware.Stack) error {
		return stack.Deserialize.Add(smithymiddleware.DeserializeMiddlewareFunc("ObserveRequest", func(ctx context.Context,
			in smithymiddleware.DeserializeInput, next smithymiddleware.DeserializeHandler) (smithymiddleware.DeserializeOutput, smithymiddleware.Metadata, error) {
			began := time.Now()
			out, metadata, err := next.HandleDeserialize(ctx, in)
			r := Request{Operation: middleware.GetOperationName(ctx), Result: result(err), URL: &url.URL{}, Took: time.Since(began)}
			if sent, ok := in.Request.(*smithyhttp.Request); ok {
				r.URL, r.Method = sent.URL, sent.Method
			}
			if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer.Response != nil {
				r.Status = answer.StatusCode
			}
			tell(r)
			return out, metadata, err
		}), smithymiddleware.Before)
	}
}

func result(err error) string {
	var said smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &said):
		return said.ErrorCode()
	}
	return "no answer"
}
