package cli

import (
	"net/url"
	"strings"
)

// checkEndpoints judges the variables by which the AWS SDKs are told to ask
// another server than Amazon's. The SDK takes any text, and then says of each
// call that its protocol scheme is not supported.
func checkEndpoints(lookup func(string) (string, bool)) error {
	if ignored, _ := lookup("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"); strings.EqualFold(ignored, "true") {
		return nil
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_ROUTE_53", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"} {
		value, _ := lookup(name)
		if value == "" {
			continue
		}
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return errorf("write a URL such as http://127.0.0.1:4580, or leave the variable out to ask Amazon", "the variable %s: %q is no URL of a server", name, value)
		}
	}
	return nil
}
