package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// logHandler writes log lines in the shapes that people search ExternalDNS's
// logs for (those of logrus), so that searches and alerts go on working:
//
//	time="2026-11-20T23:41:55Z" level=info msg="All records are already up to date"
//	{"level":"info","msg":"All records are already up to date","time":"2026-11-20T23:41:55Z"}
type logHandler struct {
	out    *logWriter
	least  slog.Level
	format logFormat
	fields []logField
	group  string // with a final dot, or ""
}

// logFormat makes one line, without its end.
type logFormat func(r slog.Record, fields []logField) []byte

type logField struct{ key, value string }

type logWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func newLogHandler(w io.Writer, least slog.Level, format logFormat) *logHandler {
	return &logHandler{out: &logWriter{w: w}, least: least, format: format}
}

// Enabled reports whether a level is logged.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.least }

// WithAttrs returns a handler whose lines all carry the attributes.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.fields = appendFields(slices.Clone(h.fields), h.group, attrs)
	return &with
}

// WithGroup returns a handler that puts the name before the keys of what follows.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.group += name + "."
	return &with
}

// Handle writes one line. Of two fields with one key the later counts.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	fields := slices.Clone(h.fields)
	r.Attrs(func(a slog.Attr) bool {
		fields = appendFields(fields, h.group, []slog.Attr{a})
		return true
	})
	slices.Reverse(fields)
	slices.SortStableFunc(fields, func(a, b logField) int { return strings.Compare(a.key, b.key) })
	fields = slices.CompactFunc(fields, func(a, b logField) bool { return a.key == b.key })
	line := append(h.format(r, fields), '\n')
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := h.out.w.Write(line)
	return err
}

// appendFields adds attributes as text; the members of a group get its name
// and a dot before their keys.
func appendFields(fields []logField, group string, attrs []slog.Attr) []logField {
	for _, a := range attrs {
		value := a.Value.Resolve()
		switch {
		case value.Kind() == slog.KindGroup && a.Key == "":
			fields = appendFields(fields, group, value.Group())
		case value.Kind() == slog.KindGroup:
			fields = appendFields(fields, group+a.Key+".", value.Group())
		case a.Key != "":
			fields = append(fields, logField{fieldKey(group + a.Key), fieldText(value)})
		}
	}
	return fields
}

// fieldKey keeps a field from taking the place of what every line has.
func fieldKey(key string) string {
	switch key {
	case "time", "level", "msg":
		return "fields." + key
	}
	return key
}

func fieldText(value slog.Value) string {
	if value.Kind() == slog.KindTime {
		return value.Time().UTC().Format(time.RFC3339)
	}
	return value.String()
}

func formatText(r slog.Record, fields []logField) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "time=%q level=%s msg=%s", r.Time.UTC().Format(time.RFC3339), levelName(r.Level), quoteField(r.Message))
	for _, f := range fields {
		fmt.Fprintf(&b, " %s=%s", f.key, quoteField(f.value))
	}
	return b.Bytes()
}

// quoteField quotes text that holds anything but letters, digits and -._/@^+.
func quoteField(s string) string {
	for _, c := range s {
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._/@^+", c)
		if !plain {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}

// formatJSON writes the keys in alphabetical order and every value as a string.
func formatJSON(r slog.Record, fields []logField) []byte {
	line := make(map[string]string, len(fields)+3)
	for _, f := range fields {
		line[f.key] = f.value
	}
	line["level"], line["msg"], line["time"] = levelName(r.Level), r.Message, r.Time.UTC().Format(time.RFC3339)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(line); err != nil { // strings always have a JSON form
		return formatText(r, fields)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// formatPretty is for people at a terminal: local time, aligned, in colours.
func formatPretty(paint func(code, text string) string) logFormat {
	return func(r slog.Record, fields []logField) []byte {
		var b bytes.Buffer
		name := fmt.Sprintf("%-7s", levelName(r.Level))
		switch {
		case r.Level >= slog.LevelError:
			name = paint(red, name)
		case r.Level >= slog.LevelWarn:
			name = paint(yellow, name)
		case r.Level < slog.LevelInfo:
			name = paint(grey, name)
		default:
			name = paint(cyan, name)
		}
		fmt.Fprintf(&b, "%s %s %s", paint(grey, r.Time.Format(time.TimeOnly)), name, indent(r.Message, strings.Repeat(" ", 17)))
		for _, f := range fields {
			fmt.Fprintf(&b, "  %s%s", paint(grey, f.key+"="), quoteField(f.value))
		}
		return b.Bytes()
	}
}
