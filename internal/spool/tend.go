package spool

import "errors"

// Tend does what is due from time to time: it looks after the lock and the
// directory, tries again what failed, removes damaged files that are too old,
// and adopts what clients left that died since, as long as less than half of
// MaxBytes is taken. The owner calls it about every minute.
func (s *Spool) Tend() (adopted Tally) {
	if s.cfg.WriteOnly {
		return Tally{}
	}
	if err := s.find(); err != nil {
		s.trouble("rebuild", s.instance.path, errors.Unwrap(err))
		return Tally{}
	}
	touch(s.instance)
	s.retry()
	entries, err := readDir(s.dir)
	if err != nil {
		s.trouble("adopt", s.cfg.Dir, err)
		return Tally{}
	}
	s.surveyDamaged(entries)
	return s.adoptAll(entries, nil, s.cfg.MaxBytes/2)
}
