package cli

import (
	"io"
	"log/slog"
)

// LogOptions says what is logged, and how.
type LogOptions struct {
	Level  string `name:"log-level" group:"watching" enum:"panic,fatal,error,warning,warn,info,debug,trace" default:"${usuallevel}" help:"The least level that is logged: panic, fatal, error, warning, info, debug or trace."`
	Format string `name:"log-format" group:"watching" enum:",text,json" default:"" help:"text or json. Not given: text, or on a terminal a form that is easier on the eyes."`
}

// Levels beyond slog's own, for ExternalDNS's names.
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
	levelPanic = slog.LevelError + 8
)

func (o LogOptions) logOptions() LogOptions { return o }

// usualLevel is the level where none is asked for. A command whose output says
// more than its log has another.
func (LogOptions) usualLevel() string { return "info" }

func (o LogOptions) level() slog.Level {
	switch o.Level {
	case "panic":
		return levelPanic
	case "fatal":
		return levelFatal
	case "error":
		return slog.LevelError
	case "warning", "warn":
		return slog.LevelWarn
	case "debug":
		return slog.LevelDebug
	case "trace":
		return levelTrace
	}
	return slog.LevelInfo
}

// logger writes to w, usually stderr.
func (o LogOptions) logger(w io.Writer, terminal, colour bool) *slog.Logger {
	format := formatText
	switch {
	case o.Format == "json":
		format = formatJSON
	case o.Format == "" && terminal:
		format = formatPretty(painter(colour))
	}
	return slog.New(newLogHandler(w, o.level(), format))
}

// levelName returns the name by which ExternalDNS's logs call a level.
func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelDebug:
		return "trace"
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warning"
	case level < levelFatal:
		return "error"
	case level < levelPanic:
		return "fatal"
	}
	return "panic"
}
