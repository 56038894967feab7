package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// planCommand says what run would change.
type planCommand struct {
	engineOptions
	Output string `name:"output" short:"o" group:"output" enum:"text,json" default:"text" help:"text, a diff to read, or json."`
}

func planWord() command {
	return command{
		name:  "plan",
		brief: "say what run would change, and change nothing",
		detail: `Reads objects and zones as "signpost run" with the same flags would, prints what
it would change as a diff, and changes nothing.

Exit code: 0 there is nothing to change (what cannot be done is told all the
same, in lines that begin with "!"), 2 there is, 3 something waits for a
person (deletions would be held, or a source cannot be read), 1 something went
wrong.`,
		new: func() runner { return &planCommand{} },
	}
}

// usualLevel is next to nothing: what a plan has to say is its output.
func (c *planCommand) usualLevel() string { return "fatal" }

// Run prints the plan.
func (c *planCommand) Run(ctx context.Context, call *call) error {
	e, report, err := c.look(ctx, call)
	if e == nil {
		return err
	}
	exposure, exposeErr := e.preview(ctx)
	if printErr := c.print(call, report, exposure); printErr != nil {
		return printErr
	}
	switch err = errors.Join(err, exposeErr); {
	case err != nil:
		return err
	case len(report.Holds) > 0:
		return &Error{Code: exitWaits}
	case report.Changes() > 0 || strings.Contains("\n"+exposure, "\n+ ") || strings.Contains("\n"+exposure, "\n- "):
		return &Error{Code: exitChanges}
	}
	return nil
}

// preview says what would become of Services on node addresses, a line each that begins with +, - or !. What they would
// be reached at is not in the zones' plans yet: names follow what is open.
func (e *engine) preview(ctx context.Context) (string, error) {
	if e.exposer == nil {
		return "", nil
	}
	return e.exposer.Preview(ctx)
}

// logPreview logs what would become of Services on node addresses.
func (e *engine) logPreview(ctx context.Context, call *call) {
	text, err := e.preview(ctx)
	for line := range strings.Lines(text) {
		call.log.Info("Services on node addresses: " + strings.TrimSuffix(line, "\n"))
	}
	if err != nil {
		call.log.Warn("what would become of Services on node addresses cannot be told", "error", err, "hint", hintOf(err))
	}
}

func (c *planCommand) print(call *call, report controller.Report, exposure string) error {
	if c.Output == "json" {
		out := jsonReport(report)
		out.Exposure = slices.Collect(strings.SplitSeq(strings.TrimSuffix(exposure, "\n"), "\n"))
		if exposure == "" {
			out.Exposure = nil
		}
		text, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			return fmt.Errorf("print the plan: %w", err)
		}
		return write(call.System, string(text)+"\n")
	}
	paint := painter(isTerminal(call.Stdout) && wantsColour(call.LookupEnv))
	var b strings.Builder
	for _, z := range report.Zones {
		for line := range strings.Lines(z.Plan.String()) {
			b.WriteString(paintDiff(paint, line))
		}
	}
	for line := range strings.Lines(exposure) {
		b.WriteString(paintDiff(paint, line))
	}
	for _, h := range report.Holds {
		b.WriteString(paintDiff(paint, "! "+h.Error()+"; to approve: "+h.Command+"\n"))
	}
	for _, p := range report.Problems {
		b.WriteString(paintDiff(paint, "! "+p.String()+"\n"))
	}
	for _, r := range slices.Concat(report.Unplaced, report.Unmanaged) {
		b.WriteString(paintDiff(paint, "! "+r.String()+"\n"))
	}
	if report.Empty != "" {
		b.WriteString(paintDiff(paint, fmt.Sprintf("! no objects of --source=%s were found in %s\n", strings.Join(c.settings.Sources, ","), report.Empty)))
	}
	return write(call.System, b.String())
}

// paintDiff colours a line of a plan by its sign.
func paintDiff(paint func(code, text string) string, line string) string {
	text := strings.TrimSuffix(line, "\n")
	for sign, colour := range map[string]string{"+": green, "-": red, "!": yellow} {
		if strings.HasPrefix(text, sign+" ") {
			return paint(colour, text) + "\n"
		}
	}
	return paint(bold, text) + "\n"
}

// The plan as JSON: zones in order, with changes in the order in which they
// would be made. A set is printed in zone-file notation, a record a line.
type (
	planJSON struct {
		Zones    []zoneJSON    `json:"zones"`
		Refusals []refusalJSON `json:"refusals"`           // of names that no zone holds, and of types that are not managed
		Problems []problemJSON `json:"problems"`           // of objects
		Empty    string        `json:"empty,omitempty"`    // where no objects were found, if there are none
		Exposure []string      `json:"exposure,omitempty"` // with --expose, as in the text
	}
	problemJSON struct {
		Object  string `json:"object"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	zoneJSON struct {
		ID       string        `json:"id"`
		Name     string        `json:"name"`
		Private  bool          `json:"private"`
		Changes  []changeJSON  `json:"changes"`
		Refusals []refusalJSON `json:"refusals"`
		Hold     *holdJSON     `json:"hold,omitempty"`
	}
	holdJSON struct {
		ID      string `json:"id"`
		Count   int    `json:"count"`
		Approve string `json:"approve"` // how
	}
	changeJSON struct {
		Action string   `json:"action"` // CREATE, UPDATE, DELETE
		Name   string   `json:"name"`
		Type   string   `json:"type"`
		SetID  string   `json:"setIdentifier,omitempty"`
		Old    []string `json:"old,omitempty"`
		New    []string `json:"new,omitempty"`
	}
	refusalJSON struct {
		Name    string   `json:"name"`
		Type    string   `json:"type"`
		SetID   string   `json:"setIdentifier,omitempty"`
		Reason  string   `json:"reason"`
		Message string   `json:"message"`
		Objects []string `json:"objects"`
	}
)

func jsonReport(report controller.Report) planJSON {
	out := planJSON{Zones: []zoneJSON{}, Refusals: jsonRefusals(slices.Concat(report.Unplaced, report.Unmanaged)), Problems: []problemJSON{}, Empty: report.Empty}
	for _, p := range report.Problems {
		out.Problems = append(out.Problems, problemJSON{p.Object, string(p.Reason), p.Message})
	}
	for _, z := range report.Zones {
		zone := zoneJSON{ID: z.Plan.Zone.ID, Name: string(z.Plan.Zone.Name), Private: z.Plan.Zone.Private,
			Changes: []changeJSON{}, Refusals: jsonRefusals(z.Plan.Refusals)}
		for _, g := range z.Plan.Groups {
			for _, c := range g {
				if c.Action() == dns.Assert {
					continue
				}
				key := c.Key()
				zone.Changes = append(zone.Changes, changeJSON{Action: string(c.Action()), Name: string(key.Name),
					Type: string(key.Type), SetID: key.SetID, Old: jsonSet(c.Old), New: jsonSet(c.New)})
			}
		}
		for _, h := range report.Holds {
			if h.Zone.ID == zone.ID {
				zone.Hold = &holdJSON{h.ID, len(h.Keys), h.Command}
			}
		}
		out.Zones = append(out.Zones, zone)
	}
	return out
}

func jsonSet(set *dns.RecordSet) []string {
	if set == nil {
		return nil
	}
	return strings.Split(set.String(), "\n")
}

func jsonRefusals(refusals []plan.Refusal) []refusalJSON {
	out := []refusalJSON{}
	for _, r := range refusals {
		j := refusalJSON{Name: string(r.Key.Name), Type: string(r.Key.Type), SetID: r.Key.SetID,
			Reason: string(r.Reason), Message: r.Message, Objects: []string{}}
		for _, o := range r.Objects {
			j.Objects = append(j.Objects, o.Resource())
		}
		out = append(out, j)
	}
	return out
}
