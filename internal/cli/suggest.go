package cli

import (
	"slices"
	"strings"
)

// nearest returns up to three of the candidates that someone who wrote word
// may have meant, the nearest first.
func nearest(word string, candidates []string) []string {
	type guess struct {
		text string
		far  int
	}
	plain := strings.ReplaceAll(strings.ToLower(word), "_", "-")
	limit := max(1, min(3, len(plain)/3))
	var guesses []guess
	for _, c := range candidates {
		far := distance(plain, strings.ToLower(c))
		// --zone-type for --aws-zone-type, --domain for --domain-filter
		part := len(plain) > 3 && (strings.HasSuffix(c, "-"+plain) || strings.HasPrefix(c, plain+"-"))
		if far > limit && part {
			far = limit
		}
		if far <= limit {
			guesses = append(guesses, guess{c, far})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return a.far - b.far })
	var out []string
	for _, g := range guesses[:min(3, len(guesses))] {
		if g.far > guesses[0].far+1 {
			break
		}
		out = append(out, g.text)
	}
	return out
}

func didYouMean(names []string) string {
	if len(names) == 1 {
		return "did you mean " + names[0] + "?"
	}
	last := len(names) - 1
	return "did you mean " + strings.Join(names[:last], ", ") + " or " + names[last] + "?"
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between a and b (optimal string alignment).
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
