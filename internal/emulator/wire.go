package emulator

import (
	"encoding/xml"
	"strings"
)

// namespace is the XML namespace of every document of API version 2013-04-01.
const namespace = "https://route53.amazonaws.com/doc/2013-04-01/"

type xmlChangeRequest struct {
	XMLName xml.Name
	Batch   *struct {
		Comment string      `xml:"Comment"`
		Changes []xmlChange `xml:"Changes>Change"`
	} `xml:"ChangeBatch"`
}

type xmlChange struct {
	Action string        `xml:"Action"`
	Set    *xmlRecordSet `xml:"ResourceRecordSet"`
}

// xmlRecordSet tells what a request left out from what it set to zero.
type xmlRecordSet struct {
	Name             string        `xml:"Name"`
	Type             string        `xml:"Type"`
	SetIdentifier    *string       `xml:"SetIdentifier,omitempty"`
	Weight           *int64        `xml:"Weight,omitempty"`
	Region           string        `xml:"Region,omitempty"`
	GeoLocation      *GeoLocation  `xml:"GeoLocation,omitempty"`
	Failover         string        `xml:"Failover,omitempty"`
	MultiValueAnswer bool          `xml:"MultiValueAnswer,omitempty"`
	TTL              *int64        `xml:"TTL,omitempty"`
	Records          *xmlRecords   `xml:"ResourceRecords,omitempty"`
	Alias            *Alias        `xml:"AliasTarget,omitempty"`
	HealthCheckID    string        `xml:"HealthCheckId,omitempty"`
	TrafficPolicyID  string        `xml:"TrafficPolicyInstanceId,omitempty"`
	CIDR             *CIDR         `xml:"CidrRoutingConfig,omitempty"`
	GeoProximity     *GeoProximity `xml:"GeoProximityLocation,omitempty"`
}

type xmlRecords struct {
	Values []xmlValue `xml:"ResourceRecord"`
}

type xmlValue struct {
	Value string `xml:"Value"`
}

func toXML(r *RecordSet) xmlRecordSet {
	x := xmlRecordSet{
		Name: r.Name, Type: r.Type, Weight: r.Weight, Region: r.Region, GeoLocation: r.GeoLocation,
		Failover: r.Failover, MultiValueAnswer: r.MultiValueAnswer, Alias: r.Alias, HealthCheckID: r.HealthCheckID,
		TrafficPolicyID: r.TrafficPolicyInstanceID, CIDR: r.CIDR, GeoProximity: r.GeoProximity,
	}
	if r.SetIdentifier != "" {
		x.SetIdentifier = &r.SetIdentifier
	}
	if r.Alias == nil && r.TrafficPolicyInstanceID == "" {
		x.TTL = &r.TTL
		x.Records = &xmlRecords{}
		for _, v := range r.Values {
			x.Records.Values = append(x.Records.Values, xmlValue{v})
		}
	}
	return x
}

// recordSet is x once its structure has been checked; Name and Alias.DNSName still are as the request spelled them.
func (x *xmlRecordSet) recordSet() RecordSet {
	r := RecordSet{
		Name: x.Name, Type: x.Type, Weight: x.Weight, Region: x.Region, GeoLocation: x.GeoLocation,
		Failover: x.Failover, MultiValueAnswer: x.MultiValueAnswer, Alias: copyOf(x.Alias), HealthCheckID: x.HealthCheckID,
		TrafficPolicyInstanceID: x.TrafficPolicyID, CIDR: x.CIDR, GeoProximity: x.GeoProximity,
	}
	if x.SetIdentifier != nil {
		r.SetIdentifier = *x.SetIdentifier
	}
	if x.TTL != nil {
		r.TTL = *x.TTL
	}
	if x.Records != nil {
		for _, v := range x.Records.Values {
			r.Values = append(r.Values, v.Value)
		}
	}
	if r.Alias != nil {
		r.Alias.HostedZoneID = bareID(r.Alias.HostedZoneID)
	}
	return r
}

// bareID takes the "/hostedzone/" or "/change/" from an id; requests may carry either form.
func bareID(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

type xmlChangeInfo struct {
	ID          string `xml:"Id"`
	Status      string `xml:"Status"`
	SubmittedAt string `xml:"SubmittedAt"`
	Comment     string `xml:"Comment,omitempty"`
}

type xmlChangeResponse struct {
	XMLName xml.Name
	Info    xmlChangeInfo `xml:"ChangeInfo"`
}

type xmlListRecordSets struct {
	XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListResourceRecordSetsResponse"`
	Sets        xmlSets  `xml:"ResourceRecordSets"`
	IsTruncated bool     `xml:"IsTruncated"`
	NextName    string   `xml:"NextRecordName,omitempty"`
	NextType    string   `xml:"NextRecordType,omitempty"`
	NextID      string   `xml:"NextRecordIdentifier,omitempty"`
	MaxItems    int      `xml:"MaxItems"`
}

type xmlZone struct {
	ID              string        `xml:"Id"`
	Name            string        `xml:"Name"`
	CallerReference string        `xml:"CallerReference"`
	Config          xmlZoneConfig `xml:"Config"`
	Count           int           `xml:"ResourceRecordSetCount"`
}

type xmlZoneConfig struct {
	Comment string `xml:"Comment,omitempty"`
	Private bool   `xml:"PrivateZone"`
}

type xmlVPC struct {
	Region string `xml:"VPCRegion"`
	ID     string `xml:"VPCId"`
}

type xmlDelegation struct {
	NameServers []string `xml:"NameServers>NameServer"`
}

type xmlListZones struct {
	XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListHostedZonesResponse"`
	Zones       xmlZones `xml:"HostedZones"`
	Marker      string   `xml:"Marker,omitempty"`
	IsTruncated bool     `xml:"IsTruncated"`
	NextMarker  string   `xml:"NextMarker,omitempty"`
	MaxItems    int      `xml:"MaxItems"`
}

type xmlListZonesByName struct {
	XMLName     xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListHostedZonesByNameResponse"`
	Zones       xmlZones `xml:"HostedZones"`
	DNSName     string   `xml:"DNSName,omitempty"`
	ZoneID      string   `xml:"HostedZoneId,omitempty"`
	IsTruncated bool     `xml:"IsTruncated"`
	NextDNSName string   `xml:"NextDNSName,omitempty"`
	NextZoneID  string   `xml:"NextHostedZoneId,omitempty"`
	MaxItems    int      `xml:"MaxItems"`
}

type xmlGetZone struct {
	XMLName    xml.Name       `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetHostedZoneResponse"`
	Zone       xmlZone        `xml:"HostedZone"`
	Delegation *xmlDelegation `xml:"DelegationSet,omitempty"`
	VPCs       *xmlVPCs       `xml:"VPCs,omitempty"`
}

type xmlVPCs struct {
	VPCs []xmlVPC `xml:"VPC"`
}

type xmlCreateZoneRequest struct {
	XMLName         xml.Name
	Name            string         `xml:"Name"`
	VPC             *xmlVPC        `xml:"VPC"`
	CallerReference string         `xml:"CallerReference"`
	Config          *xmlZoneConfig `xml:"HostedZoneConfig"`
}

type xmlCreateZone struct {
	XMLName    xml.Name       `xml:"https://route53.amazonaws.com/doc/2013-04-01/ CreateHostedZoneResponse"`
	Zone       xmlZone        `xml:"HostedZone"`
	Info       xmlChangeInfo  `xml:"ChangeInfo"`
	Delegation *xmlDelegation `xml:"DelegationSet,omitempty"`
	VPC        *xmlVPC        `xml:"VPC,omitempty"`
}

type xmlTag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

// Lists that may be empty have an element of their own, since the service sends it even then.
type xmlSets struct {
	Sets []xmlRecordSet `xml:"ResourceRecordSet"`
}

type xmlZones struct {
	Zones []xmlZone `xml:"HostedZone"`
}

type xmlTags struct {
	Tags []xmlTag `xml:"Tag"`
}

type xmlTagSet struct {
	Type string  `xml:"ResourceType"`
	ID   string  `xml:"ResourceId"`
	Tags xmlTags `xml:"Tags"`
}

type xmlTagsForResource struct {
	XMLName xml.Name  `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListTagsForResourceResponse"`
	Set     xmlTagSet `xml:"ResourceTagSet"`
}

type xmlTagsForResources struct {
	XMLName xml.Name    `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListTagsForResourcesResponse"`
	Sets    []xmlTagSet `xml:"ResourceTagSets>ResourceTagSet"`
}

type xmlTagsRequest struct {
	XMLName xml.Name
	IDs     []string `xml:"ResourceIds>ResourceId"`
}

type xmlChangeTagsRequest struct {
	XMLName xml.Name
	Add     []xmlTag `xml:"AddTags>Tag"`
	Remove  []string `xml:"RemoveTagKeys>Key"`
}

type xmlLimit struct {
	XMLName xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetHostedZoneLimitResponse"`
	Type    string   `xml:"Limit>Type"`
	Value   int      `xml:"Limit>Value"`
	Count   int      `xml:"Count"`
}

type xmlTestAnswer struct {
	XMLName    xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ TestDNSAnswerResponse"`
	Nameserver string   `xml:"Nameserver"`
	RecordName string   `xml:"RecordName"`
	RecordType string   `xml:"RecordType"`
	Data       []string `xml:"RecordData>RecordDataEntry"`
	Code       string   `xml:"ResponseCode"`
	Protocol   string   `xml:"Protocol"`
}

type xmlError struct {
	XMLName   xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

type xmlInvalidBatch struct {
	XMLName   xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ InvalidChangeBatch"`
	Messages  []string `xml:"Messages>Message"`
	RequestID string   `xml:"RequestId"`
}
