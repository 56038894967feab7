package emulator_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"github.com/signpost-dns/signpost/internal/emulator"
)

const accessKey = "AKIDEXAMPLE"

// client is the stock SDK, calling the server in-process and giving up after one attempt.
func client(srv *emulator.Server, key string) *route53.Client {
	return route53.New(route53.Options{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider(key, "secret", ""),
		HTTPClient:       &http.Client{Transport: srv.RoundTripper()},
		RetryMaxAttempts: 1,
	})
}

func newZone(t *testing.T, cfg emulator.Config) (*emulator.Server, string) {
	t.Helper()
	srv := emulator.New(cfg)
	id, err := srv.AddZone("example.com", emulator.WithID("ZEXAMPLE"))
	if err != nil {
		t.Fatal(err)
	}
	return srv, id
}

func create(s emulator.RecordSet) emulator.Change { return emulator.Change{Action: "CREATE", Set: s} }
func remove(s emulator.RecordSet) emulator.Change { return emulator.Change{Action: "DELETE", Set: s} }
func upsert(s emulator.RecordSet) emulator.Change { return emulator.Change{Action: "UPSERT", Set: s} }

func set(name, typ string, values ...string) emulator.RecordSet {
	return emulator.RecordSet{Name: name, Type: typ, TTL: 300, Values: values}
}

func alias(name, typ, zone, target string) emulator.RecordSet {
	return emulator.RecordSet{Name: name, Type: typ, Alias: &emulator.Alias{HostedZoneID: zone, DNSName: target}}
}

func weighted(id string, weight int64, s emulator.RecordSet) emulator.RecordSet {
	s.SetIdentifier, s.Weight = id, &weight
	return s
}

func failover(id, role string, s emulator.RecordSet) emulator.RecordSet {
	s.SetIdentifier, s.Failover = id, role
	return s
}

func latency(id, region string, s emulator.RecordSet) emulator.RecordSet {
	s.SetIdentifier, s.Region = id, region
	return s
}

func must(t *testing.T, srv *emulator.Server, zone string, changes ...emulator.Change) {
	t.Helper()
	if err := srv.Change(zone, changes...); err != nil {
		t.Fatalf("change: %v", err)
	}
}

// refusal is the code and messages of a refused Change.
func refusal(t *testing.T, err error) *emulator.Error {
	t.Helper()
	var e *emulator.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a refusal", err)
	}
	return e
}

// code is the error code that the SDK saw.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// sdkChange is one change as the SDK sends it.
func sdkChange(action, name, typ string, ttl int64, values ...string) types.Change {
	s := &types.ResourceRecordSet{Name: aws.String(name), Type: types.RRType(typ), TTL: aws.Int64(ttl)}
	for _, v := range values {
		s.ResourceRecords = append(s.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return types.Change{Action: types.ChangeAction(action), ResourceRecordSet: s}
}

func sdkBatch(zone string, changes ...types.Change) *route53.ChangeResourceRecordSetsInput {
	return &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String(zone), ChangeBatch: &types.ChangeBatch{Changes: changes}}
}
