package claim

import (
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Mate returns the group for which Mate, a forerunner of ExternalDNS, marked the
// other record sets at the name of a TXT set, and false if it is no such mark.
// On Route 53 that is "mate:<group>", elsewhere the values "heritage=mate" and
// "mate/record-group-id=<group>".
func Mate(txt dns.RecordSet) (group string, ok bool) {
	if txt.Type != dns.TXT {
		return "", false
	}
	heir := false
	for _, value := range txt.Data {
		strs, err := dns.ParseStrings(value)
		if err != nil {
			continue
		}
		for item := range strings.SplitSeq(strings.Join(strs, ""), ",") {
			if id, mark := strings.CutPrefix(item, "mate:"); mark && id != "" {
				return id, true
			}
			if id, label := strings.CutPrefix(item, "mate/record-group-id="); label {
				group = id
			}
			heir = heir || item == "heritage=mate"
		}
	}
	return group, heir && group != ""
}
