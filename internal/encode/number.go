package encode

import (
	"math"
	"strconv"
	"strings"
)

// appendFloat writes numbers as JavaScript does, like encoding/json.
func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	size := math.Abs(f)
	if bits == 64 && size < maxDecimal {
		if n := uint64(size*decimalUnits + 0.5); float64(n)/decimalUnits == size {
			if math.Signbit(f) {
				dst = append(dst, '-')
			}
			return appendDecimal(dst, n), nil
		}
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, errNotANumber
	}
	format := byte('f')
	if size != 0 {
		if bits == 64 && (size < 1e-6 || size >= 1e21) ||
			bits == 32 && (float32(size) < 1e-6 || float32(size) >= 1e21) {
			format = 'e'
		}
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst = append(dst[:n-2], dst[n-1]) // e-09 becomes e-9
	}
	return dst, nil
}

// Most numbers that people write are decimals of a few digits. No two decimals
// of at most 15 digits have the same float64 next to them. So one that has f
// next to it is what a search for the shortest text of f would find, at more cost.
const (
	decimalUnits = 1e6 // of which a number consists
	maxDecimal   = 1e9
)

// appendDecimal appends n/decimalUnits.
func appendDecimal(dst []byte, n uint64) []byte {
	dst = strconv.AppendUint(dst, n/decimalUnits, 10)
	fraction := n % decimalUnits
	if fraction == 0 {
		return dst
	}
	dst = appendDigits(append(dst, '.'), int(fraction), 6)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendNumber(dst []byte, n string, limit int) ([]byte, error) {
	if n == "" {
		return append(dst, '0'), nil
	}
	if len(dst)+len(n) > limit {
		return dst, ErrTooLarge
	}
	switch ok, exponent := isNumber(n); {
	case !ok:
		return dst, errInvalidNumber
	case (exponent || len(n) > maxWhole) && !isInRange(n):
		return dst, errHugeNumber
	}
	return append(dst, n...), nil
}

// isNumber reports whether s is a number in JSON, and whether it has an exponent.
func isNumber(s string) (ok, exponent bool) {
	s = strings.TrimPrefix(s, "-")
	whole := countDigits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false, false
	}
	s = s[whole:]
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		n := countDigits(fraction)
		if n == 0 {
			return false, false
		}
		s = fraction[n:]
	}
	if s == "" {
		return true, false
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false, false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && countDigits(s) == len(s), true
}

// isInRange reports whether a float64 is next to n, which is a number in JSON:
// the server's parser takes no other.
func isInRange(n string) bool {
	_, err := strconv.ParseFloat(n, 64)
	return err == nil
}

// maxWhole is a length with which every number without an exponent is in range.
const maxWhole = 308

// countDigits returns with how many digits s begins.
func countDigits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}
