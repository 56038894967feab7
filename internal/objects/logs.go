package objects

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// RedirectLogs sends what Kubernetes' libraries log, which knows nothing of the
// user's purposes, to log at level debug; what matters of it comes as [Status].
// It acts on the whole process, and belongs at its start.
func RedirectLogs(log *slog.Logger) {
	quiet := slog.New(demoted{log.Handler()})
	klog.SetSlogLogger(quiet)
	ctrllog.SetLogger(logr.FromSlogHandler(quiet.Handler()))
}

// demoted handles every record at level debug.
type demoted struct{ slog.Handler }

func (h demoted) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug)
}

func (h demoted) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

func (h demoted) WithAttrs(attrs []slog.Attr) slog.Handler {
	return demoted{h.Handler.WithAttrs(attrs)}
}

func (h demoted) WithGroup(name string) slog.Handler { return demoted{h.Handler.WithGroup(name)} }
