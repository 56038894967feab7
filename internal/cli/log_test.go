package cli

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// logLine logs once through a handler, at a fixed time.
func logLine(t *testing.T, format logFormat, level slog.Level, msg string, args ...any) string {
	t.Helper()
	var b bytes.Buffer
	r := slog.NewRecord(time.Date(2026, 11, 20, 23, 41, 55, 999, time.UTC), level, msg, 0)
	r.Add(args...)
	if err := newLogHandler(&b, levelTrace, format).Handle(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLogLines(t *testing.T) {
	zone := []any{"zoneName", "example.com.", "profile", "default", "zoneID", "/hostedzone/Z0123"}
	tests := []struct {
		name       string
		level      slog.Level
		msg        string
		args       []any
		text, json string
	}{
		{"a change", slog.LevelInfo, "Desired change: CREATE dev1.example.com A", zone,
			`time="2026-11-20T23:41:55Z" level=info msg="Desired change: CREATE dev1.example.com A" profile=default zoneID=/hostedzone/Z0123 zoneName=example.com.`,
			`{"level":"info","msg":"Desired change: CREATE dev1.example.com A","profile":"default","time":"2026-11-20T23:41:55Z","zoneID":"/hostedzone/Z0123","zoneName":"example.com."}`},
		{"a word", slog.LevelWarn, "config", []any{"source", "service ingress", "n", 3, "empty", ""},
			`time="2026-11-20T23:41:55Z" level=warning msg=config empty= n=3 source="service ingress"`,
			`{"empty":"","level":"warning","msg":"config","n":"3","source":"service ingress","time":"2026-11-20T23:41:55Z"}`},
		{"quotes and lines", slog.LevelError, "a \"b\"\nc", []any{"<k>", "é"},
			`time="2026-11-20T23:41:55Z" level=error msg="a \"b\"\nc" <k>="é"`,
			`{"<k>":"é","level":"error","msg":"a \"b\"\nc","time":"2026-11-20T23:41:55Z"}`},
		{"the later of two", levelTrace, "x", []any{"a", 1, "a", 2},
			`time="2026-11-20T23:41:55Z" level=trace msg=x a=2`,
			`{"a":"2","level":"trace","msg":"x","time":"2026-11-20T23:41:55Z"}`},
		{"what every line has keeps its place", slog.LevelDebug, "x", []any{"level", "y", slog.Group("g", "msg", "z")},
			`time="2026-11-20T23:41:55Z" level=debug msg=x fields.level=y g.msg=z`,
			`{"fields.level":"y","g.msg":"z","level":"debug","msg":"x","time":"2026-11-20T23:41:55Z"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.text+"\n", logLine(t, formatText, tt.level, tt.msg, tt.args...)); diff != "" {
				t.Errorf("text: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.json+"\n", logLine(t, formatJSON, tt.level, tt.msg, tt.args...)); diff != "" {
				t.Errorf("json: -want +got:\n%s", diff)
			}
		})
	}
}

func TestPrettyLogLines(t *testing.T) {
	got := logLine(t, formatPretty(painter(false)), slog.LevelInfo, "two\nlines", "zone", "example.com.")
	if want := " info    two\n                 lines  zone=example.com.\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
	got = logLine(t, formatPretty(painter(true)), slog.LevelError, "x")
	if want := "\x1b[31merror  \x1b[0m x\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
}

func TestLogLevels(t *testing.T) {
	levels := []string{"trace", "debug", "info", "warning", "error", "fatal", "panic"}
	for i, least := range levels {
		var b bytes.Buffer
		log := LogOptions{Level: least}.logger(&b, false, false)
		for _, name := range levels {
			log.Log(t.Context(), LogOptions{Level: name}.level(), "x")
		}
		var got []string
		for line := range strings.Lines(b.String()) {
			got = append(got, strings.TrimPrefix(strings.Fields(line)[1], "level="))
		}
		if diff := cmp.Diff(levels[i:], got); diff != "" {
			t.Errorf("--log-level=%s: -want +got:\n%s", least, diff)
		}
	}
	if got := (LogOptions{Level: "warn"}).level(); got != slog.LevelWarn {
		t.Errorf("warn is %v", got)
	}
}

func TestLogFormats(t *testing.T) {
	tests := []struct {
		format   string
		terminal bool
		want     string // what a line begins with
	}{
		{"", false, "time="}, {"text", false, "time="}, {"text", true, "time="},
		{"json", false, "{"}, {"json", true, "{"}, {"", true, "2"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		LogOptions{Format: tt.format}.logger(&b, tt.terminal, false).Info("x")
		got := b.String()
		if tt.want == "2" { // the time of day
			if _, err := time.Parse(time.TimeOnly, got[:8]); err != nil {
				t.Errorf("on a terminal: %q: %v", got, err)
			}
		} else if !strings.HasPrefix(got, tt.want) {
			t.Errorf("format %q, terminal %v: %q", tt.format, tt.terminal, got)
		}
	}
}

// The handler keeps slog's own rules. Its groups are dotted keys, which are
// unfolded here; the time is the record's or none.
func TestLogHandlerContract(t *testing.T) {
	var b bytes.Buffer
	h := newLogHandler(&b, slog.LevelInfo, func(r slog.Record, fields []logField) []byte {
		line := []byte("level=info msg=" + r.Message)
		if !r.Time.IsZero() {
			line = append(line, " time=x"...)
		}
		for _, f := range fields {
			line = append(line, " "+f.key+"="+f.value...)
		}
		return line
	})
	err := slogtest.TestHandler(h, func() []map[string]any {
		var out []map[string]any
		for line := range strings.Lines(b.String()) {
			out = append(out, unfold(line))
		}
		return out
	})
	if err != nil {
		t.Error(err)
	}
}

func unfold(line string) map[string]any {
	out := map[string]any{}
	for _, field := range strings.Fields(line) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			continue // a later word of the message
		}
		at := out
		parts := strings.Split(key, ".")
		for _, part := range parts[:len(parts)-1] {
			if at[part] == nil {
				at[part] = map[string]any{}
			}
			at = at[part].(map[string]any)
		}
		at[parts[len(parts)-1]] = value
	}
	return out
}

func TestLogConfig(t *testing.T) {
	_, p, err := parseSample(fields("--list=a --list=b --key=hush"), map[string]string{"SIGNPOST_WAIT": "2m"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	c := &call{log: LogOptions{}.logger(&b, false, false), given: p.given}
	c.logConfig()
	_, got, _ := strings.Cut(b.String(), "level=")
	if want := "info msg=config key=\"******\" list=\"a b\" wait=2m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
