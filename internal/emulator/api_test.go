package emulator_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// TestZones takes hosted zones through their life with the SDK.
func TestZones(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	c, ctx := client(srv, accessKey), t.Context()
	pub, err := c.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: aws.String("Example.com"), CallerReference: aws.String("1"),
		HostedZoneConfig: &types.HostedZoneConfig{Comment: aws.String("mine")}})
	if err != nil {
		t.Fatal(err)
	}
	private := &route53.CreateHostedZoneInput{Name: aws.String("internal.example.com"), CallerReference: aws.String("2"),
		VPC: &types.VPC{VPCId: aws.String("vpc-1"), VPCRegion: "eu-west-1"}}
	priv, err := c.CreateHostedZone(ctx, private)
	if err != nil {
		t.Fatal(err)
	}
	id := *pub.HostedZone.Id
	if !strings.HasPrefix(id, "/hostedzone/Z") || *pub.HostedZone.Name != "example.com." || len(pub.DelegationSet.NameServers) != 4 ||
		*pub.HostedZone.ResourceRecordSetCount != 2 || !strings.HasSuffix(*pub.Location, id) || pub.HostedZone.Config.PrivateZone {
		t.Errorf("created %+v", pub)
	}
	if priv.DelegationSet != nil || !priv.HostedZone.Config.PrivateZone {
		t.Errorf("created %+v", priv)
	}
	for reference, want := range map[string]string{"1": "HostedZoneAlreadyExists", "3": "ConflictingDomainExists"} {
		private.CallerReference = &reference
		if _, err := c.CreateHostedZone(ctx, private); code(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := c.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: aws.String("a..b"), CallerReference: aws.String("4")}); code(err) != "InvalidDomainName" {
		t.Errorf("got %v, want InvalidDomainName", err)
	}
	got, err := c.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: priv.HostedZone.Id})
	if err != nil || *got.HostedZone.Name != "internal.example.com." || len(got.VPCs) != 1 || *got.VPCs[0].VPCId != "vpc-1" {
		t.Errorf("got %+v, %v", got, err)
	}
	limit, err := c.GetHostedZoneLimit(ctx, &route53.GetHostedZoneLimitInput{HostedZoneId: &id, Type: "MAX_RRSETS_BY_ZONE"})
	if err != nil || limit.Count != 2 || *limit.Limit.Value != 10_000 {
		t.Errorf("got %+v, %v", limit, err)
	}
	if _, err := c.ChangeResourceRecordSets(ctx, sdkBatch(id, sdkChange("CREATE", "www.example.com", "A", 60, "192.0.2.1"))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: &id}); code(err) != "HostedZoneNotEmpty" {
		t.Errorf("got %v, want HostedZoneNotEmpty", err)
	}
	if _, err := c.ChangeResourceRecordSets(ctx, sdkBatch(id, sdkChange("DELETE", "www.example.com", "A", 60, "192.0.2.1"))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: &id}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: &id}); code(err) != "NoSuchHostedZone" {
		t.Errorf("got %v, want NoSuchHostedZone", err)
	}
}

func TestListZones(t *testing.T) {
	srv := emulator.New(emulator.Config{})
	const zones = 130
	for i := range zones {
		var opts []emulator.ZoneOption
		if i%2 == 0 {
			opts = append(opts, emulator.Private("us-east-1", "vpc-1"))
		}
		if _, err := srv.AddZone(fmt.Sprintf("z%03d.example.com", i), opts...); err != nil {
			t.Fatal(err)
		}
	}
	c, ctx := client(srv, accessKey), t.Context()
	names := map[string]bool{}
	for p := route53.NewListHostedZonesPaginator(c, &route53.ListHostedZonesInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range page.HostedZones {
			names[*z.Name] = true
		}
	}
	if len(names) != zones {
		t.Errorf("%d zones in pages of 100, want %d", len(names), zones)
	}
	private, err := c.ListHostedZones(ctx, &route53.ListHostedZonesInput{HostedZoneType: "PrivateHostedZone"})
	if err != nil || len(private.HostedZones) != zones/2 {
		t.Errorf("%d private zones, %v", len(private.HostedZones), err)
	}
	byName, err := c.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: aws.String("z007.example.com"), MaxItems: aws.Int32(2)})
	if err != nil || len(byName.HostedZones) != 2 || *byName.HostedZones[0].Name != "z007.example.com." || *byName.NextDNSName != "z009.example.com." {
		t.Errorf("got %+v, %v", byName, err)
	}
}

func TestTags(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	other, err := srv.AddZone("example.net", emulator.WithTag("team", "b"))
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := client(srv, accessKey), t.Context()
	_, err = c.ChangeTagsForResource(ctx, &route53.ChangeTagsForResourceInput{ResourceType: "hostedzone", ResourceId: &zone,
		AddTags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}, {Key: aws.String("x"), Value: aws.String("y")}}, RemoveTagKeys: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.ListTagsForResources(ctx, &route53.ListTagsForResourcesInput{ResourceType: "hostedzone", ResourceIds: []string{zone, other}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range out.ResourceTagSets {
		for _, tag := range s.Tags {
			got[*s.ResourceId+" "+*tag.Key] = *tag.Value
		}
	}
	if d := cmp.Diff(map[string]string{zone + " team": "a", other + " team": "b"}, got); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	one, err := c.ListTagsForResource(ctx, &route53.ListTagsForResourceInput{ResourceType: "hostedzone", ResourceId: &other})
	if err != nil || len(one.ResourceTagSet.Tags) != 1 {
		t.Errorf("got %+v, %v", one, err)
	}
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = zone
	}
	if _, err := c.ListTagsForResources(ctx, &route53.ListTagsForResourcesInput{ResourceType: "hostedzone", ResourceIds: eleven}); code(err) != "InvalidInput" {
		t.Errorf("eleven ids: got %v, want InvalidInput", err)
	}
}

// TestSync: a change is PENDING until its delay is over; the SDK's waiter sees that.
func TestSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, zone := newZone(t, emulator.Config{SyncDelay: 45 * time.Second})
		c, ctx := client(srv, accessKey), t.Context()
		out, err := c.ChangeResourceRecordSets(ctx, sdkBatch(zone, sdkChange("UPSERT", "www.example.com", "A", 60, "192.0.2.1")))
		if err != nil || out.ChangeInfo.Status != types.ChangeStatusPending {
			t.Fatalf("got %+v, %v", out, err)
		}
		start := time.Now()
		if err := route53.NewResourceRecordSetsChangedWaiter(c).Wait(ctx, &route53.GetChangeInput{Id: out.ChangeInfo.Id}, time.Hour); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) < 45*time.Second {
			t.Errorf("INSYNC after %s", time.Since(start))
		}
		if _, err := c.GetChange(ctx, &route53.GetChangeInput{Id: aws.String("CNONE")}); code(err) != "NoSuchChange" {
			t.Errorf("got %v, want NoSuchChange", err)
		}
	})
}

// TestMessageList is the other wire shape of InvalidChangeBatch.
func TestMessageList(t *testing.T) {
	for _, list := range []bool{false, true} {
		srv, zone := newZone(t, emulator.Config{MessageList: list})
		_, err := client(srv, accessKey).ChangeResourceRecordSets(t.Context(), sdkBatch(zone,
			sdkChange("DELETE", "a.example.com", "A", 60, "192.0.2.1"), sdkChange("DELETE", "b.example.com", "A", 60, "192.0.2.1")))
		var e *types.InvalidChangeBatch
		if !errors.As(err, &e) {
			t.Fatalf("got %v", err)
		}
		a := "Tried to delete resource record set [name='a.example.com.', type='A'] but it was not found"
		b := "Tried to delete resource record set [name='b.example.com.', type='A'] but it was not found"
		if list {
			if d := cmp.Diff([]string{a, b}, e.Messages); d != "" {
				t.Errorf("messages (-want +got):\n%s", d)
			}
		} else if e.ErrorMessage() != "["+a+", "+b+"]" || e.Messages != nil {
			t.Errorf("got %q and %q", e.ErrorMessage(), e.Messages)
		}
	}
}

// TestRequests sends what no SDK would.
func TestRequests(t *testing.T) {
	srv, _ := newZone(t, emulator.Config{RequireKnownKeys: true})
	if err := srv.SetPolicy(accessKey, nil); err != nil {
		t.Fatal(err)
	}
	const scope = "/20260101/us-east-1/route53/aws4_request"
	signed := func(credential string) string {
		return "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=host;x-amz-date, Signature=00"
	}
	good := signed(accessKey + scope)
	const list = "/2013-04-01/hostedzone/ZEXAMPLE/rrset"
	for _, tc := range []struct {
		name, method, path, auth, body string
		status                         int
		code                           string
	}{
		{"good", "GET", list, good, "", 200, ""},
		{"id with its prefix", "GET", "/2013-04-01/hostedzone//hostedzone/ZEXAMPLE/rrset/", good, "", 200, ""},
		{"escaped id", "GET", "/2013-04-01/hostedzone/%2Fhostedzone%2FZEXAMPLE/rrset", good, "", 200, ""},
		{"no signature", "GET", list, "", "", 403, "MissingAuthenticationToken"},
		{"basic", "GET", list, "Basic eDp5", "", 403, "IncompleteSignature"},
		{"half a signature", "GET", list, "AWS4-HMAC-SHA256 Credential=" + accessKey + scope, "", 403, "IncompleteSignature"},
		{"odd scope", "GET", list, signed(accessKey), "", 403, "IncompleteSignature"},
		{"other service", "GET", list, signed(accessKey + "/20260101/us-east-1/ec2/aws4_request"), "", 403, "SignatureDoesNotMatch"},
		{"unknown key", "GET", list, signed("AKIDOTHER" + scope), "", 403, "InvalidClientTokenId"},
		{"other version", "GET", "/2012-02-29/hostedzone", good, "", 404, "UnknownOperationException"},
		{"no operation", "PUT", list, good, "", 404, "UnknownOperationException"},
		{"no XML", "POST", list, good, "{}", 400, "MalformedInput"},
		{"other root", "POST", list, good, `<ChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"/>`, 400, "MalformedInput"},
		{"no namespace", "POST", list, good, `<ChangeResourceRecordSetsRequest/>`, 400, "MalformedInput"},
		{"no batch", "POST", list, good, `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"/>`, 400, "InvalidInput"},
		{"no set", "POST", list, good, `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">` +
			`<ChangeBatch><Changes><Change><Action>CREATE</Action></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`, 400, "InvalidInput"},
		{"page size", "GET", list + "?maxitems=0", good, "", 400, "InvalidInput"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tc.method, "https://route53.amazonaws.com"+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Date", "20260101T000000Z")
			if tc.auth != "" {
				r.Header.Set("Authorization", tc.auth)
			}
			resp, err := srv.RoundTripper().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || tc.code != "" && !strings.Contains(string(body), "<Code>"+tc.code+"</Code>") {
				t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, tc.status, tc.code)
			}
			if !strings.Contains(string(body), `xmlns="https://route53.amazonaws.com/doc/2013-04-01/"`) || resp.Header.Get("x-amzn-RequestId") == "" {
				t.Errorf("got headers %v and body %s", resp.Header, body)
			}
		})
	}
}

// TestZoneErrors: what is asked of a zone that is not there, or not of that kind.
func TestZoneErrors(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	private, err := srv.AddZone("example.net", emulator.Private("us-east-1", "vpc-1"))
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := client(srv, accessKey), t.Context()
	limit := func(zone, kind string) error {
		_, err := c.GetHostedZoneLimit(ctx, &route53.GetHostedZoneLimitInput{HostedZoneId: &zone, Type: types.HostedZoneLimitType(kind)})
		return err
	}
	tag := func(kind, id string, tags ...types.Tag) error {
		_, err := c.ChangeTagsForResource(ctx, &route53.ChangeTagsForResourceInput{ResourceType: types.TagResourceType(kind), ResourceId: &id, AddTags: tags})
		return err
	}
	answer := func(zone, name, typ string) error {
		_, err := c.TestDNSAnswer(ctx, &route53.TestDNSAnswerInput{HostedZoneId: &zone, RecordName: &name, RecordType: types.RRType(typ)})
		return err
	}
	for i, tc := range []struct {
		err  error
		want string
	}{
		{limit("ZNONE", "MAX_RRSETS_BY_ZONE"), "NoSuchHostedZone"},
		{limit(zone, "MAX_VPCS_ASSOCIATED_BY_ZONE"), "HostedZoneNotPrivate"},
		{limit(private, "MAX_VPCS_ASSOCIATED_BY_ZONE"), ""},
		{limit(zone, "MAX_X"), "InvalidInput"},
		{tag("hostedzone", "ZNONE"), "NoSuchHostedZone"},
		{tag("hostedzone", zone), "InvalidInput"},
		{tag("healthcheck", zone), "InvalidInput"},
		{answer("ZNONE", "example.com", "A"), "NoSuchHostedZone"},
		{answer(zone, "example.net", "A"), "InvalidInput"},
		{answer(zone, "example.com", "LOC"), "InvalidInput"},
	} {
		if code(tc.err) != tc.want || tc.want == "" && tc.err != nil {
			t.Errorf("%d: got %v, want %q", i, tc.err, tc.want)
		}
	}
	if _, err := srv.AddZone("example.org", emulator.WithID(zone)); err == nil {
		t.Error("an id twice is no error")
	}
	if _, err := srv.AddZone("example..org"); err == nil {
		t.Error("a zone with an empty label is no error")
	}
	if err := srv.Change("ZNONE", create(set("x.example.com", "A", "192.0.2.1"))); refusal(t, err).Error() != "NoSuchHostedZone: No hosted zone found with ID: ZNONE" {
		t.Errorf("got %v", err)
	}
	if srv.RecordSets("ZNONE") != nil {
		t.Error("a zone that is not there has record sets")
	}
}

// TestLog: a line for every call.
func TestLog(t *testing.T) {
	var out strings.Builder
	srv, zone := newZone(t, emulator.Config{Log: slog.New(slog.NewTextHandler(&out, nil))})
	if _, err := client(srv, accessKey).GetHostedZone(t.Context(), &route53.GetHostedZoneInput{Id: &zone}); err != nil {
		t.Fatal(err)
	}
	if want := "msg=call action=GetHostedZone zone=ZEXAMPLE status=200"; !strings.Contains(out.String(), want) {
		t.Errorf("logged %q, want %q", out.String(), want)
	}
}

func TestTestDNSAnswer(t *testing.T) {
	srv, zone := newZone(t, emulator.Config{})
	must(t, srv, zone, create(set("www.example.com", "A", "192.0.2.1")))
	out, err := client(srv, accessKey).TestDNSAnswer(t.Context(), &route53.TestDNSAnswerInput{HostedZoneId: &zone, RecordName: aws.String("www.example.com"), RecordType: "A"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"192.0.2.1"}, out.RecordData); d != "" || *out.ResponseCode != "NOERROR" {
		t.Errorf("%s: %s", *out.ResponseCode, d)
	}
}
