package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/lease"
)

// diary is a log that may be read while it is written.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (d *diary) Write(line []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(line)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// Work beside the engine that ends by itself is told when it does and begun again, and never ends the lead.
func TestWorkBesideTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log diary
		var begun []time.Duration
		began := time.Now()
		b := beside{lease.Alone(), func(ctx context.Context) error {
			begun = append(begun, time.Since(began))
			if len(begun) < 4 {
				return errors.New("no watch")
			}
			<-ctx.Done()
			return ctx.Err()
		}, slog.New(slog.NewTextHandler(&log, nil))}
		told := 0
		err := b.Run(t.Context(), func(context.Context) error {
			time.Sleep(time.Millisecond)
			synctest.Wait()
			told = strings.Count(log.String(), `error="no watch"`)
			time.Sleep(time.Hour)
			return nil
		})
		if err != nil || told != 1 {
			t.Errorf("it ended with %v; told at once %d times: %s", err, told, log.String())
		}
		if len(begun) != 4 || begun[1] != time.Second || begun[2] != 3*time.Second || begun[3] != 7*time.Second {
			t.Errorf("begun at %v", begun)
		}
	})
}
