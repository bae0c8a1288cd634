package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1073741824": 1 << 30, "10GiB": 10 << 30, "10Gi": 10 << 30, "10gib": 10 << 30, "500MB": 500_000_000, "500M": 500_000_000,
		"5 GB": 5_000_000_000, "1.5GiB": 3 << 29, "8192KiB": 8 << 20, "2TiB": 2 << 40, "1PB": 1_000_000_000_000_000,
		"9007199254740993": 9007199254740993, "10000000B": 10_000_000,
	} {
		got, err := parseSize(text)
		assert.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "GiB", "-1", "1e9", "10XB", "10 G B", "10GiBs", "1..5GB", "0x10000000", "10GiB ", "1EB", "99999999999999999999", "NaN", "Inf", "4MB", "0"} {
		_, err := parseSize(text)
		assert.Error(t, err, text)
	}
}
