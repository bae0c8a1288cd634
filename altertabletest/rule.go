package altertabletest

import "slices"

// A Rule is a fault at work on a server.
type Rule struct {
	server   *Server
	fault    Fault
	released chan struct{} // closed by Release

	// guarded by the server's mutex
	left int // requests it still applies to; negative: all
	hits int
}

// Next applies f to the next n requests that it matches. Each request meets one
// fault at most: the first given to Next that matches it and is not used up,
// or else the last given to Always. So a series of calls of Next is a script:
//
//	srv.Next(2, altertabletest.Status(503))
//	srv.Next(1, altertabletest.Pass())
//	srv.Next(1, altertabletest.Reset())
func (s *Server) Next(n int, f Fault) *Rule {
	r := &Rule{server: s, fault: f, released: make(chan struct{}), left: max(n, 0)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.left > 0 {
		s.next = append(s.next, r)
	}
	return r
}

// Always applies f to all requests that it matches and no fault given to Next
// or later to Always does.
func (s *Server) Always(f Fault) *Rule {
	r := &Rule{server: s, fault: f, released: make(chan struct{}), left: -1}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = append(s.always, r)
	return r
}

// ClearFaults releases all faults. Down is none: it takes Up to end it.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	rules := append(slices.Clone(s.next), s.always...)
	close(s.cleared)
	s.cleared = make(chan struct{})
	s.mu.Unlock()
	for _, r := range rules {
		r.Release()
	}
}

// Release ends the fault: it applies to no further request, and those that it
// keeps waiting go on at once. Calls after the first do nothing.
func (r *Rule) Release() {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-r.released:
	default:
		close(r.released)
	}
	r.left = 0
	s.dropLocked(r)
}

// Hits returns how many requests the fault was applied to.
func (r *Rule) Hits() int {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return r.hits
}

// dropLocked takes a rule that is used up off the lists.
func (s *Server) dropLocked(r *Rule) {
	is := func(other *Rule) bool { return other == r }
	s.next = slices.DeleteFunc(s.next, is)
	s.always = slices.DeleteFunc(s.always, is)
}

// ruleFor returns the rule that applies to x, nil if none does. Matching runs
// the user's code and may read the body, so it is done outside mu; a rule that
// another request used up in the meantime is passed over.
func (s *Server) ruleFor(x *exchange) *Rule {
	s.mu.Lock()
	candidates := slices.Clone(s.next)
	for _, r := range slices.Backward(s.always) {
		candidates = append(candidates, r)
	}
	s.mu.Unlock()
	for _, r := range candidates {
		if r.fault.applies(x) && r.claim(x) {
			return r
		}
	}
	return nil
}

// claim counts x against the rule, and ties what it may wait for to the next
// ClearFaults: a rule used up is on no list any more.
func (r *Rule) claim(x *exchange) bool {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.left == 0 {
		return false
	}
	r.hits++
	x.cleared = s.cleared
	if r.left > 0 {
		r.left--
	}
	if r.left == 0 {
		s.dropLocked(r)
	}
	return true
}
