package altertable

type laneKey struct {
	endpoint    endpoint
	environment string
}

// A lane is the messages of one endpoint and one environment: they may share a
// batch.
type lane struct {
	endpoint    endpoint
	environment string
	batches     int    // not settled, turns included
	open        *batch // takes the next message; nil if there is none
	people      index  // who has the last claim on whom; identifies only
	deliveries  uint64 // of batches, ever
}

// ordered reports whether the lane's messages are in the order of their people.
func (l *lane) ordered() bool { return l.endpoint == identifyEndpoint }

// lane returns the lane of an endpoint and an environment.
func (p *places) lane(ep endpoint, environment []byte) *lane {
	if string(environment) == p.environment {
		return &p.home[ep]
	}
	l := p.lanes[laneKey{ep, string(environment)}]
	if l == nil {
		l = &lane{endpoint: ep, environment: string(environment)}
		p.lanes[laneKey{ep, l.environment}] = l
	}
	return l
}

// leave takes a batch or a turn out of its lane. A lane without any is
// forgotten: environments may be many.
func (p *places) leave(l *lane) {
	if l.batches--; l.batches == 0 {
		delete(p.lanes, laneKey{l.endpoint, l.environment})
	}
}
