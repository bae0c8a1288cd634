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
	switch {
	case n == "":
		return append(dst, '0'), nil
	case len(dst)+len(n) > limit:
		return dst, ErrTooLarge
	case !isNumber(n):
		return dst, errInvalidNumber
	case !isInRange(n):
		return dst, errHugeNumber
	}
	return append(dst, n...), nil
}

// isNumber reports whether s is a number in JSON.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := countDigits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		n := countDigits(fraction)
		if n == 0 {
			return false
		}
		s = fraction[n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && countDigits(s) == len(s)
}

// isInRange reports whether a float64 is next to n, which is a number in JSON:
// the server's parser takes no other.
func isInRange[T string | []byte](n T) bool {
	if len(n) <= maxWhole {
		exponent := false
		for i := range len(n) {
			exponent = exponent || n[i]|0x20 == 'e'
		}
		if !exponent {
			return true
		}
	}
	_, err := strconv.ParseFloat(string(n), 64)
	return err == nil
}

// maxWhole is the number of digits with which every whole number is in range.
const maxWhole = 308

// isNumberByte says which bytes a number in JSON consists of.
var isNumberByte = func() (table [256]bool) {
	for _, c := range "0123456789+-.eE" {
		table[c] = true
	}
	return table
}()

// countDigits returns with how many digits s begins.
func countDigits(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}
