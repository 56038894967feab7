package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
)

// explainCommand says all that is known of a name.
type explainCommand struct {
	engineOptions
	Name   string `arg:"" name:"name" help:"The name to explain, such as www.example.com."`
	URL    string `name:"url" group:"output" placeholder:"URL" help:"Where the running Signpost serves its pages. Not given: http://localhost:7979."`
	Output string `name:"output" short:"o" group:"output" enum:"text,json" default:"text" help:"text, in words, or json."`

	name dns.Name
}

func explainWord() command {
	return command{
		name:  "explain",
		brief: "say why a name is as it is: who asks, whose it is, what happens",
		detail: `Says all that is known of a name: the objects that ask for it and who of them is
heard, the zone, what stands there and whose it is, the last change or what is
refused, with the service's own words, what it waits for, and what happens, or
"nothing, because ...". It changes nothing.

Without the flags of "signpost run" it asks the running Signpost at --url:

  kubectl -n signpost port-forward service/signpost 7979 &
  signpost explain www.example.com

With --source or --objects it asks nobody. It reads objects and zones itself, as
"signpost plan" with the same flags would, and knows nothing of the past: no
last change, no refusal by the service, no waiting.`,
		new: func() runner { return &explainCommand{} },
	}
}

// usualLevel is next to nothing: the explanation is the output.
func (c *explainCommand) usualLevel() string { return "fatal" }

// remote reports whether a running Signpost is asked.
func (c *explainCommand) remote() bool {
	return c.URL != "" || len(c.Sources) == 0 && c.Objects.Objects == ""
}

func (c *explainCommand) check() (err error) {
	if c.name, err = dns.ParseName(c.Name); err != nil {
		return errorf("write a name such as www.example.com", "%q is no domain name: %w", c.Name, err)
	}
	if c.remote() {
		return nil
	}
	return c.engineOptions.check()
}

// Run prints the explanation.
func (c *explainCommand) Run(ctx context.Context, call *call) error {
	if c.remote() {
		return c.ask(ctx, call)
	}
	e, _, err := c.look(ctx, call)
	if e == nil {
		return err
	}
	if printErr := c.print(call, e.Explain(c.name)); printErr != nil {
		return printErr
	}
	return err
}

func (c *explainCommand) print(call *call, e controller.Explanation) error {
	if c.Output == "text" {
		return write(call.System, e.String())
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("print the explanation: %w", err)
	}
	return write(call.System, string(text)+"\n")
}

const (
	usualURL = "http://localhost:7979"
	// explainTime is how long a Signpost may take to answer: it may be busy with
	// a zone.
	explainTime = 30 * time.Second
	// mostAnswer bounds what is read of an answer.
	mostAnswer = 16 << 20
)

// ask asks a running Signpost.
func (c *explainCommand) ask(ctx context.Context, call *call) error {
	base := c.URL
	if base == "" {
		base = usualURL
	}
	at, err := url.Parse(base)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return errorf("write it like "+usualURL, "--url=%s is no address", base)
	}
	at = at.JoinPath("explain")
	at.RawQuery = url.Values{"name": {string(c.name)}, "output": {c.Output}}.Encode()
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", base, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return errorf(c.reachHint(call), "no Signpost answers at %s: %w", base, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return errorf(c.reachHint(call), "read the answer of %s: %w", base, err)
	}
	if response.StatusCode != http.StatusOK {
		return errorf("is it a Signpost, and of this version?", "%s answers %s: %s", base, response.Status, firstLine(text))
	}
	return write(call.System, string(text))
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

// reachHint says how to come to a running Signpost from here.
func (c *explainCommand) reachHint(call *call) string {
	alone := `or give the flags of "signpost run", and it is computed here`
	_, inCluster := call.LookupEnv("KUBERNETES_SERVICE_HOST")
	if ns, ok := call.LookupEnv("POD_NAMESPACE"); ok && inCluster {
		return "in this cluster: --url=http://signpost." + ns + ":7979; " + alone
	}
	return "if it runs in a cluster: kubectl -n signpost port-forward service/signpost 7979, and ask again; elsewhere name it with --url; " + alone
}
