package cli

import (
	"log/slog"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/plan"
)

// ClaimOptions says how claims are written, and whose else become ours.
type ClaimOptions struct {
	TXTFormat  string   `name:"txt-format" group:"ownership" enum:"0.21,0.22" default:"0.22" placeholder:"VERSION" help:"Write ownership TXT record sets as this version of ExternalDNS does: 0.22, or 0.21 for that and earlier ones. All are read."`
	TXTConvert bool     `name:"txt-convert" group:"ownership" help:"Move the ownership TXT record sets of what objects want to where they would be written now."`
	OldPrefix  []string `name:"txt-old-prefix" group:"ownership" placeholder:"TEXT" help:"A former --txt-prefix, or \"\" for none: ownership TXT record sets that were written with it are read, and move to today's names as far as objects want what they stand for. Repeatable."`
	OldSuffix  []string `name:"txt-old-suffix" group:"ownership" placeholder:"TEXT" help:"A former --txt-suffix, as --txt-old-prefix. Repeatable."`
	Migrate    string   `name:"migrate-from-txt-owner" group:"ownership" placeholder:"ID" help:"Make the record sets of this owner ours, as far as objects want them."`
	Encrypt    bool     `name:"txt-encrypt-enabled" group:"ownership" help:"Encrypt ownership TXT record sets."`
	AESKey     string   `name:"txt-encrypt-aes-key" group:"ownership" secret:"" placeholder:"KEY" help:"The key of encrypted ownership TXT record sets: 32 octets, or their base64. Without --txt-encrypt-enabled it only reads them."`
}

// writeClaims completes rules that keep ownership by how claims are written.
func (o *Options) writeClaims(r *plan.Rules) error {
	if r.Claims == nil {
		return nil
	}
	var err error
	if r.Seal, err = o.seal(); err != nil {
		return err
	}
	if o.Migrate != "" {
		if err := claim.ValidateOwner(o.Migrate); err != nil {
			return ownerError("migrate-from-txt-owner", o.Migrate, err)
		}
		if o.Migrate == o.OwnerID {
			return errorf("leave it out, or give the owner id of before", "--migrate-from-txt-owner and --txt-owner-id are both %q", o.Migrate)
		}
	}
	former, err := o.former()
	if err != nil {
		return err
	}
	naming := r.Claims.WithVersion(claim.Version(o.TXTFormat)).WithFormer(former...)
	r.Claims, r.Migrate, r.Convert = &naming, o.Migrate, o.TXTConvert
	return nil
}

// former reads the affixes of before.
func (o *Options) former() (out []claim.Naming, err error) {
	read := func(flag, prefix, suffix string) error {
		naming, err := claim.NewNaming(prefix, suffix, o.TXTWildcard)
		if err != nil {
			return errorf("write it as --txt-prefix or --txt-suffix was given", "--%s: %w", flag, err)
		}
		out = append(out, naming)
		return nil
	}
	for _, prefix := range o.OldPrefix {
		if err := read("txt-old-prefix", prefix, ""); err != nil {
			return nil, err
		}
	}
	for _, suffix := range o.OldSuffix {
		if err := read("txt-old-suffix", "", suffix); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// seal reads the key of encrypted claims; nil without one.
func (o *Options) seal() (*claim.Seal, error) {
	if o.AESKey == "" {
		if o.Encrypt {
			return nil, errorf("add --txt-encrypt-aes-key=KEY, or leave --txt-encrypt-enabled out",
				"--txt-encrypt-enabled: the key is missing with which claims are encrypted")
		}
		return nil, nil
	}
	seal, err := claim.NewSeal(o.AESKey, o.Encrypt)
	if err != nil {
		return nil, errorf("give the key that ExternalDNS was given; does it come from a file or Secret that ends in a line end?",
			"--txt-encrypt-aes-key: %w", err)
	}
	if err := seal.CheckOwner(o.OwnerID); err != nil {
		return nil, ownerError("txt-owner-id", o.OwnerID, err)
	}
	return seal, nil
}

// warnOwnership says what the choice of an owner, or of none, means.
func (o *engineOptions) warnOwnership(call *call) {
	switch {
	case !o.settings.Owned:
		call.log.Warn("--registry=noop: every record set of a managed type under the domain filter counts as ours, whoever made it; "+
			"under --policy=sync those that no object asks for are deleted", slog.String("policy", o.settings.Policy), slog.Any("domains", o.DomainFilter))
	case !call.set("txt-owner-id"):
		call.log.Warn(`--txt-owner-id is not given: the owner is "default", as it is for everybody who does not choose; ` +
			`choose one before somebody else shares the zone`)
	}
}
