package cli

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// valueMappers returns how values are read: as ExternalDNS reads them, with
// messages that say what would be right.
func valueMappers() []kong.Option {
	options := []kong.Option{
		kong.KindMapper(reflect.String, kong.MapperFunc(decodeString)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(decodeInt64)),
	}
	for _, kind := range []reflect.Kind{reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32} {
		options = append(options, kong.KindMapper(kind, kong.MapperFunc(decodeInt)))
	}
	return options
}

// isText reports whether every value is a value of the flag's type.
func isText(flag *kong.Flag) bool {
	return flag.Target.Kind() == reflect.String && flag.Enum == ""
}

// popText takes one value from kong's scanner.
func popText(ctx *kong.DecodeContext) (string, error) {
	token, err := ctx.Scan.PopValue("value")
	if err != nil {
		return "", err
	}
	text, ok := token.Value.(string)
	if !ok {
		return "", fmt.Errorf("%v is no text", token.Value)
	}
	return text, nil
}

// decodeString keeps the bytes; kong's own goes by way of JSON.
func decodeString(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	target.SetString(text)
	return nil
}

func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	d, err := parseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}

// decodeInt reads a whole number as Helm may print it: 1000, 1e3 and 1e+06,
// and, as ExternalDNS does, cuts off what stands behind a point.
func decodeInt(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	n, err := parseInt(text)
	if err != nil {
		return err
	}
	if target.OverflowInt(n) {
		return notWhole(text)
	}
	target.SetInt(n)
	return nil
}

func parseInt(text string) (int64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) >= 1<<53 {
		return 0, notWhole(text)
	}
	return int64(f), nil
}

func notWhole(text string) error {
	return errorf("write a whole number, such as 1000 or 1e3", "%q is not a whole number", text)
}

func decodeInt64(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	n, err := parseInt64(text)
	if err != nil {
		return err
	}
	target.SetInt(n)
	return nil
}

func parseInt64(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errorf("write digits only", "%q is not a whole number", text)
	}
	return n, nil
}

// truth is what a flag that is on or off was set to.
type truth int

const (
	neither truth = iota
	yes
	no
)

// parseBool reads the spellings of [strconv.ParseBool].
func parseBool(text string) truth {
	switch b, err := strconv.ParseBool(text); {
	case err != nil:
		return neither
	case b:
		return yes
	default:
		return no
	}
}

// parseDuration reads Go's notation with days (24h) and weeks (168h): 1w2d,
// 1.5h, 90s, 0. A bare number is refused because nobody can tell its unit.
func parseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	d, err := sumDuration(text)
	if err == nil {
		return d, nil
	}
	hint := "write a number and its unit (s, m, h, d or w), such as 90s or 1h30m"
	if _, numErr := strconv.ParseFloat(text, 64); numErr == nil {
		hint = fmt.Sprintf("add the unit: %ss, %sm or %sh", text, text, text)
	}
	return 0, errorf(hint, "%q is not a duration", text)
}

func sumDuration(text string) (time.Duration, error) {
	const digits = "0123456789."
	sign, rest := 1.0, text
	if cut, ok := strings.CutPrefix(text, "-"); ok {
		sign, rest = -1, cut
	} else {
		rest = strings.TrimPrefix(text, "+")
	}
	if rest == "" {
		return 0, errors.New("nothing there")
	}
	var sum time.Duration
	for rest != "" {
		unit := strings.TrimLeft(rest, digits)
		number := rest[:len(rest)-len(unit)]
		rest = ""
		if end := strings.IndexAny(unit, digits); end >= 0 {
			unit, rest = unit[:end], unit[end:]
		}
		part, err := oneDuration(number, unit)
		if err != nil {
			return 0, err
		}
		if sum += part; sum < 0 {
			return 0, errors.New("too long")
		}
	}
	return time.Duration(sign) * sum, nil
}

// oneDuration reads one number with its unit.
func oneDuration(number, unit string) (time.Duration, error) {
	length := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[unit]
	if length == 0 {
		return time.ParseDuration(number + unit)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, err
	}
	if n > float64(math.MaxInt64/length) {
		return 0, errors.New("too long")
	}
	return time.Duration(n * float64(length)), nil
}
