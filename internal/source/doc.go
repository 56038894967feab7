// Package source reads Kubernetes objects: it turns one object into what that
// object wants in DNS, a [plan.Intent]. It hides which fields and annotations
// of which kind give names, targets and times to live, and how forgiving their
// reading is.
//
// It is pure: no I/O, no clock, no logger; other objects are read through a
// [Lookup] only, and the same object, answers and [Options] give the same intent. What holds for every intent:
//
//   - names and RDATA are canonical and within the limits of RFC 1035;
//   - there is one want for a name and type, and no CNAME beside addresses;
//   - a mistake in one member of a list costs that member only;
//   - a mistake that leaves nothing legible makes the intent Unknown, never
//     empty: nobody asked for a deletion.
//
// The package may import dns, plan, dnsendpoint and the API types of Kubernetes (k8s.io/api,
// k8s.io/apimachinery), no client.
//
//	d, err := source.New(source.Options{})
//	intent, ours := d.Derive(service, look)   // service/default/nginx, hostname: www.example.com
//	fmt.Println(intent.Wants[0].Set)    // www.example.com. 300 IN A 192.0.2.1
package source
