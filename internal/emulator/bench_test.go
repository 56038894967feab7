package emulator_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/signpost-dns/signpost/internal/emulator"
)

const benchSets = 200_000

func benchZone(b *testing.B) (*emulator.Server, string) {
	b.Helper()
	srv := emulator.New(emulator.Config{MaxRecordSets: 2 * benchSets})
	zone, err := srv.AddZone("example.com")
	if err != nil {
		b.Fatal(err)
	}
	const perBatch = 1000
	for i := 0; i < benchSets; i += perBatch {
		batch := make([]emulator.Change, perBatch)
		for j := range batch {
			batch[j] = create(set(fmt.Sprintf("n%06d.example.com", i+j), "A", "192.0.2.1"))
		}
		if err := srv.Change(zone, batch...); err != nil {
			b.Fatal(err)
		}
	}
	return srv, zone
}

// BenchmarkChange replaces 10 record sets a call, through the SDK, in a zone of 200,000.
func BenchmarkChange(b *testing.B) {
	srv, zone := benchZone(b)
	c := client(srv, accessKey)
	for i := 0; b.Loop(); i++ {
		in := sdkBatch(zone)
		for j := range 10 {
			in.ChangeBatch.Changes = append(in.ChangeBatch.Changes,
				sdkChange("UPSERT", fmt.Sprintf("n%06d.example.com", (i*7919+j)%benchSets), "A", 300, fmt.Sprintf("192.0.2.%d", i%250)))
		}
		if _, err := c.ChangeResourceRecordSets(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsert adds and removes a record set, without the SDK, in a zone of 200,000.
func BenchmarkInsert(b *testing.B) {
	srv, zone := benchZone(b)
	for i := 0; b.Loop(); i++ {
		s := set(fmt.Sprintf("n%06dx.example.com", i*7919%benchSets), "A", "192.0.2.1")
		if err := srv.Change(zone, create(s)); err != nil {
			b.Fatal(err)
		}
		if err := srv.Change(zone, remove(s)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPage lists 300 record sets, through the SDK, in a zone of 200,000.
func BenchmarkPage(b *testing.B) {
	srv, zone := benchZone(b)
	c := client(srv, accessKey)
	for i := 0; b.Loop(); i++ {
		out, err := c.ListResourceRecordSets(b.Context(), &route53.ListResourceRecordSetsInput{
			HostedZoneId: &zone, StartRecordName: aws.String(fmt.Sprintf("n%06d.example.com", i*7919%(benchSets-300)))})
		if err != nil || len(out.ResourceRecordSets) != 300 {
			b.Fatalf("%v", err)
		}
	}
}
