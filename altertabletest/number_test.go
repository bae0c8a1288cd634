package altertabletest

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzNumbers compares numbers as math/big does, where that is quick.
func FuzzNumbers(f *testing.F) {
	f.Fuzz(func(t *testing.T, a, b string) {
		var left, right big.Rat
		for text, number := range map[string]*big.Rat{a: &left, b: &right} {
			var n json.Number
			_, power, _ := strings.Cut(strings.ToLower(text), "e")
			if exponent, _ := strconv.Atoi(power); max(exponent, -exponent) > 400 || len(text) > 400 {
				return
			}
			if json.Unmarshal([]byte(text), &n) != nil || string(n) != text {
				return
			}
			_, ok := number.SetString(text)
			require.True(t, ok, text)
		}
		if a == b {
			right.Set(&left)
		}
		assert.Equal(t, left.Cmp(&right) == 0, sameNumber(json.Number(a), json.Number(b)), "%s, %s", a, b)
	})
}
