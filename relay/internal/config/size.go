package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// minSize has room for some messages of the largest size.
const minSize = 4 << 20

// units are the powers by their first letter, with "i" of 1024, else of 1000.
const units = "kmgtp"

// parseSize reads "10GiB", "500MB", "10Gi" as Kubernetes writes it, or a number of bytes.
func parseSize(text string) (int64, error) {
	number, unit := text, ""
	if i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' }); i >= 0 {
		number, unit = text[:i], strings.ToLower(strings.TrimPrefix(text[i:], " "))
	}
	n, err := strconv.ParseFloat(number, 64)
	factor, known := factorOf(unit)
	size := n * factor
	switch {
	case err != nil || !known:
		return 0, fmt.Errorf("%s is not a size: a number of bytes, or one with a unit, such as 500MB or 10GiB", shown(text))
	case size < minSize:
		return 0, fmt.Errorf("%s is out of range: at least 4MiB", shown(text))
	case size >= math.MaxInt64:
		return 0, fmt.Errorf("%s is out of range: less than 8EiB", shown(text))
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		return whole * int64(factor), nil // exact beyond 2^53
	}
	return int64(size), nil
}

func factorOf(unit string) (float64, bool) {
	unit = strings.TrimSuffix(unit, "b")
	if unit == "" {
		return 1, true
	}
	base, letter := 1000.0, unit
	if one, found := strings.CutSuffix(unit, "i"); found {
		base, letter = 1024, one
	}
	power := strings.Index(units, letter)
	if len(letter) != 1 || power < 0 {
		return 0, false
	}
	return math.Pow(base, float64(power+1)), true
}
