// Package apiserver is a Kubernetes API server inside the process, for tests: as much of one as client-go's informers,
// controller-runtime's cache, leader election and recorded Events ask for, and faults on demand.
//
// It hides the REST paths, list pages, watch streams and their history, and resource versions. Invariants:
//
//   - resource versions grow by one with every write, over all kinds; a watch that begins at a version shows every
//     later write of its kind once and in order, or ends with 410 Gone;
//   - a write that carries a resource version or a UID that is not the present one is refused with 409 Conflict;
//   - nothing but a request and the methods of [Server] changes an object.
//
// Not as in a cluster: there is no admission, defaulting, authentication or garbage collection, deletions take place
// at once whatever finalizers say, create and update over HTTP take the status too, strategic merge patches are taken
// for merge patches (RFC 7386), and answers are JSON whatever else a client prefers.
//
// An object costs its JSON, once. A server that is made and used inside a testing/synctest bubble starts no goroutine,
// opens no socket, and reads time only through package time. [Server.Listen] serves another process.
//
//	s := apiserver.New(apiserver.Options{})
//	err := s.Create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}})
//	objects, err := cache.New(s.Config(), cache.Options{})
//	s.Deny("list", "services")
//	s.DropWatches("services")
package apiserver
