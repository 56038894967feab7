package controller

import (
	"fmt"
	"strings"
	"time"
)

// String returns the explanation in words.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", e.Name, e.Verdict)
	b.WriteString("\nObjects\n")
	if len(e.Objects) == 0 {
		b.WriteString("  none asks for it\n")
	}
	for _, o := range e.Objects {
		o.print(&b)
	}
	for _, s := range e.Sources {
		fmt.Fprintf(&b, "  cannot be read: %s\n", s)
	}
	if e.Unplaced != "" {
		fmt.Fprintf(&b, "\nNo zone\n  %s\n", e.Unplaced)
	}
	for _, z := range e.Zones {
		z.print(&b, e.At)
	}
	return b.String()
}

func (o ExplainedObject) print(b *strings.Builder) {
	fmt.Fprintf(b, "  %s\n", o.Object)
	line := func(label, text string) { fmt.Fprintf(b, "    %s: %s\n", label, text) }
	for _, w := range o.Wants {
		line("asks for", w)
	}
	if o.Heard != "" {
		line("is heard", o.Heard)
	}
	for _, r := range o.Refused {
		line("refused", r)
	}
	if o.Unknown != "" {
		line("unknown", o.Unknown)
	}
	for _, p := range o.Problems {
		line("problem", p.Reason+": "+p.Message)
	}
}

func (z ExplainedZone) print(b *strings.Builder, now time.Time) {
	sort := "public"
	if z.Private {
		sort = "private"
	}
	fmt.Fprintf(b, "\nZone %s (%s, %s)\n", z.Name, z.ID, sort)
	line := func(format string, args ...any) { fmt.Fprintf(b, "  "+format+"\n", args...) }
	switch {
	case !z.Known:
		line("has not been read yet")
	case z.Read != nil:
		line("known as of %s, and what was written since", ago(now, *z.Read))
	}
	if z.Trouble != "" {
		line("trouble: %s", z.Trouble)
	}
	for _, s := range z.Holds {
		s.print(b)
	}
	switch {
	case z.Wildcard != "":
		line("holds nothing there; %s answers in its place", z.Wildcard)
	case z.Known && len(z.Holds) == 0:
		line("holds nothing there")
	}
	for _, c := range z.Changes {
		line("to change: %s", c)
	}
	if z.Last != nil {
		line("last change: %s, %s, accepted with %d changes in all", strings.Join(z.Last.Changes, ", "), ago(now, z.Last.At), z.Last.Batch)
	}
	for _, r := range z.Refused {
		line("refused: %s: %s", r.Reason, r.Message)
	}
	switch {
	case z.Retry != nil && z.Retry.Failed > 0:
		line("waits: tried %s in vain, next %s", times(z.Retry.Failed), until(now, z.Retry.Due))
	case z.Grace != nil:
		line("waits: its grace time is over %s", until(now, *z.Grace))
	}
	if z.Hold != nil {
		line("held: as %s, with %d deletions in all; to approve them: %s", z.Hold.ID, z.Hold.Count, z.Hold.Approve)
	}
}

func (s ExplainedSet) print(b *strings.Builder) {
	for _, r := range s.Records {
		fmt.Fprintf(b, "  holds: %s\n", r)
	}
	for _, c := range s.Claims {
		fmt.Fprintf(b, "    claimed at %s: %s\n", c.At, c.whose())
	}
	switch {
	case s.Claim != nil && s.Of != "":
		fmt.Fprintf(b, "    a claim to %s: %s\n", s.Of, s.Claim.whose())
	case s.Claim != nil:
		fmt.Fprintf(b, "    a claim to nothing: %s\n", s.Claim.whose())
	case !s.Managed:
		b.WriteString("    of a type that is not managed\n")
	case len(s.Claims) == 0 && !s.Ours:
		b.WriteString("    claimed by nobody\n")
	}
}

func (c ExplainedClaim) whose() string {
	text := "another's"
	if c.Ours {
		text = "ours"
	}
	text += fmt.Sprintf(", owner %q", c.Owner)
	if c.Resource != "" {
		text += " for " + c.Resource
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprint(n, " times")
}

func ago(now, at time.Time) string {
	return at.UTC().Format(time.RFC3339) + " (" + now.Sub(at).Round(time.Second).String() + " ago)"
}

func until(now, due time.Time) string {
	if !due.After(now) {
		return "at once"
	}
	return "at " + due.UTC().Format(time.RFC3339) + " (in " + due.Sub(now).Round(time.Second).String() + ")"
}
