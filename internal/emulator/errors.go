package emulator

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// Error is a refusal as the service answers it.
type Error struct {
	Status   int    // HTTP
	Code     string // such as NoSuchHostedZone
	Message  string
	Messages []string // of InvalidChangeBatch: one for each problem
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalidInput(format string, args ...any) *Error {
	return refuse(http.StatusBadRequest, "InvalidInput", format, args...)
}

func noSuchZone(id string) *Error {
	return refuse(http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: %s", id)
}

func invalidBatch(messages ...string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "InvalidChangeBatch",
		Message: "[" + strings.Join(messages, ", ") + "]", Messages: messages,
	}
}

func throttling() *Error { return refuse(http.StatusBadRequest, "Throttling", "Rate exceeded") }

func priorRequest() *Error {
	return refuse(http.StatusBadRequest, "PriorRequestNotComplete",
		"The request was rejected because Route 53 was still processing a prior request.")
}

// document is the error's body, in the shape of a service.
func (e *Error) document(service, requestID string, messageList bool) any {
	if service == serviceMetadata {
		return e.page()
	}
	if messageList && e.Code == "InvalidChangeBatch" {
		return xmlInvalidBatch{Messages: e.Messages, RequestID: requestID}
	}
	fault := "Sender"
	if e.Status >= 500 {
		fault = "Receiver"
	}
	if service == serviceEC2 {
		return xmlErrorEC2{Code: e.Code, Message: e.Message, RequestID: requestID}
	}
	if service == serviceSTS {
		return xmlErrorSTS{Type: fault, Code: e.Code, Message: e.Message, RequestID: requestID}
	}
	return xmlError{Type: fault, Code: e.Code, Message: e.Message, RequestID: requestID}
}

// element is a document's root in the namespace of the API.
func element(local string) xml.Name { return xml.Name{Space: namespace, Local: local} }
