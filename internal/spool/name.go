package spool

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSuffix = ".spool"
	damagedSuffix = ".damaged"

	keyDigits = 16
	maxKey    = 1e17 // no clock gets there: a greater one would leave no room behind it
)

// A position orders segments. Its key is in the file's name, and grows from file
// to file whatever the clock does.
type position struct {
	key    int64
	number int // of a file of the old form, among those with the same key
	copy   int // among the files that had the same name
	name   string
}

func (p position) compare(other position) int {
	return cmp.Or(cmp.Compare(p.key, other.key), cmp.Compare(p.number, other.number), cmp.Compare(p.copy, other.copy), strings.Compare(p.name, other.name))
}

// parsePosition reads a segment's name. A file of the old form is numbered, and
// its key is the time of its first message, which is to be set: keyed is false.
func parsePosition(name string) (p position, keyed bool) {
	p.name = name
	digits, nth, _ := strings.Cut(strings.TrimSuffix(name, segmentSuffix), "-")
	p.copy, _ = strconv.Atoi(nth)
	number, ok := parseDecimal([]byte(digits))
	if ok && len(digits) >= keyDigits {
		p.key = number
		return p, true
	}
	if ok {
		p.number = int(min(number, 1<<30))
	}
	return p, false
}

// sawKey has all later keys be greater.
func (s *Spool) sawKey(key int64) {
	if key < maxKey {
		s.lastKey = max(s.lastKey, key)
	}
}

func (s *Spool) nextKey() int64 {
	s.lastKey = max(time.Now().UnixMicro(), s.lastKey+1)
	return s.lastKey
}

func segmentName(key int64) string { return fmt.Sprintf("%0*d%s", keyDigits, key, segmentSuffix) }

// freeName returns a name for a file that is moved into this spool's instance:
// its own, unless that is taken.
func (s *Spool) freeName(name string) (string, error) {
	base, _, _ := strings.Cut(strings.TrimSuffix(name, segmentSuffix), "-")
	for n := 2; ; n++ {
		taken, err := exists(s.instance.root, name)
		if err != nil || !taken {
			return name, err
		}
		name = fmt.Sprintf("%s-%d%s", base, n, segmentSuffix)
	}
}

// instanceName returns a new one.
func (s *Spool) instanceName() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%s-%0*d-%s", s.cfg.Tenant, keyDigits, s.nextKey(), hex.EncodeToString(random[:]))
}

// isOfTenant reports whether a name below the shared directory is of the
// tenant's instance, or of its damaged file.
func (s *Spool) isOfTenant(name string) bool {
	rest, ok := strings.CutPrefix(name, s.cfg.Tenant)
	return ok && strings.HasPrefix(rest, "-")
}

// instanceKey returns the key in an instance's name, 0 if there is none.
func instanceKey(name string) int64 {
	_, rest, _ := strings.Cut(name, "-")
	digits, _, _ := strings.Cut(rest, "-")
	if key, ok := parseDecimal([]byte(digits)); ok && len(digits) >= keyDigits {
		return key
	}
	return 0
}

// isInstance reports whether a directory's name is that of any tenant's instance.
func isInstance(name string) bool {
	tenant, _, ok := strings.Cut(name, "-")
	if _, err := hex.DecodeString(tenant); err != nil {
		return false
	}
	return ok && len(tenant) == 32
}

func isSegment(name string) bool { return filepath.Ext(name) == segmentSuffix }
