package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPacingIsUsualWhereNothingIsAsked(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct{ give, want Pacing }{
		{Pacing{}, Pacing{Window: Window{20 * ms, 200 * ms}, Rotation: time.Minute, ZoneList: 4 * time.Minute}},
		{Pacing{Window: Window{Idle: time.Second}}, Pacing{Window: Window{time.Second, time.Second}, Rotation: time.Minute, ZoneList: 4 * time.Minute}},
		{Pacing{Window: Window{1, 1}, ZoneList: 1}, Pacing{Window: Window{1, 1}, Rotation: time.Minute, ZoneList: time.Minute}},
		{Pacing{ZoneList: time.Hour, Rotation: 2 * time.Hour, Apart: 1},
			Pacing{Window: Window{20 * ms, 200 * ms}, Rotation: 2 * time.Hour, ZoneList: time.Hour, Apart: 1}},
	} {
		if diff := cmp.Diff(tt.want, tt.give.complete()); diff != "" {
			t.Errorf("%+v: -want +got:\n%s", tt.give, diff)
		}
	}
}

func TestPacingOpens(t *testing.T) {
	zero := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return zero.Add(time.Duration(seconds) * time.Second) }
	never := time.Time{}
	for _, tt := range []struct {
		name                    string
		pacing                  Pacing
		came, began, last, want time.Time
	}{
		{"usual", Pacing{}, at(10), at(0), at(10), at(10)},
		{"apart, the first", Pacing{Apart: 5 * time.Second}, at(10), at(0), never, at(10)},
		{"apart, soon after", Pacing{Apart: 5 * time.Second}, at(10), at(0), at(7), at(12)},
		{"apart, long after", Pacing{Apart: 5 * time.Second}, at(10), at(0), at(1), at(10)},
		{"gathered", Pacing{Gather: time.Minute}, at(10), at(0), never, at(60)},
		{"gathered, at the moment", Pacing{Gather: time.Minute}, at(60), at(0), at(60), at(120)},
		{"gathered and apart", Pacing{Gather: time.Minute, Apart: 90 * time.Second}, at(70), at(0), at(60), at(150)},
	} {
		if got := tt.pacing.opens(tt.came, tt.began, tt.last); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got.Sub(zero), tt.want.Sub(zero))
		}
	}
}
