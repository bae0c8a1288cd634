package show_test

import (
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", math.MaxInt64: "9,223,372,036,854,775,807"} {
		assert.Equal(t, want, show.Count(n))
	}
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 999_499: "999 kB", 999_501: "1.0 MB", 5_300_000_000: "5.3 GB", math.MaxInt64: "9223372 TB"} {
		assert.Equal(t, want, show.Bytes(n))
	}
	assert.Equal(t, "1 row", show.Counted(1, "row"))
	assert.Equal(t, "2 rows", show.Counted(2, "row"))
	assert.Equal(t, "2 aliases", show.Counted(2, "alias"))
	assert.Equal(t, "0 identifies", show.Counted(0, "identify"))
}

func TestShare(t *testing.T) {
	assert.Equal(t, "0 %", show.Share(0, 0))
	assert.Equal(t, "0 %", show.Share(0, 10))
	assert.Equal(t, "100 %", show.Share(10, 10))
	assert.Equal(t, "99.9 %", show.Share(9_999_999, 10_000_000))
	assert.Equal(t, "< 0.1 %", show.Share(1, 10_000_000))
	assert.Equal(t, "33.3 %", show.Share(1, 3))
}

func TestSeconds(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0.0 s", 0.44: "0.4 s", 12.4: "12 s", 59.6: "1 min 0 s", 200: "3 min 20 s", 7500: "2 h 5 min", math.Inf(1): "277,777,777 h 46 min", -1: "0.0 s"} {
		assert.Equal(t, want, show.Seconds(seconds))
	}
	assert.Equal(t, "0.0 s", show.Seconds(math.NaN()))
}

func TestTextIsHarmless(t *testing.T) {
	tests := []struct {
		text    string
		columns int
		want    string
	}{
		{"page_viewed", 20, "page_viewed"},
		{"page_viewed", 11, "page_viewed"},
		{"page_viewed", 10, "page_view…"},
		{"page_viewed", 1, "…"},
		{"page_viewed", 0, ""},
		{"", 5, ""},
		{"a\x1b[31mb\x07\r\nc\x00", 20, "a·[31mb···c·"},
		{"\u202eabc\u200b", 20, "·abc·"},
		{"a\xffb", 20, "a·b"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"\u009b31m", 20, "·31m"},
	}
	for _, test := range tests {
		assert.Equal(t, test.want, show.Text(test.text, test.columns), "%q", test.text)
	}
	marks := show.Text("a"+strings.Repeat("\u0301", 1_000_000), 10)
	assert.Less(t, len(marks), 200)
}

func FuzzText(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, columns int) {
		if columns < 0 || columns > 200 {
			return
		}
		got := show.Text(text, columns)
		assert.LessOrEqual(t, show.Width(got), columns)
		for _, r := range got {
			assert.True(t, unicode.IsPrint(r))
		}
	})
}

func FuzzWrap(f *testing.F) {
	f.Add("one two three", 5)
	f.Fuzz(func(t *testing.T, text string, columns int) {
		if columns < 2 || columns > 200 {
			return
		}
		text = show.Text(text, 1000) // what is wrapped is harmless
		lines := show.Wrap(text, columns)
		for _, line := range lines {
			assert.LessOrEqual(t, show.Width(line), columns, "%q", lines)
			assert.NotEmpty(t, line)
		}
		without := strings.NewReplacer(" ", "", show.Glue, "")
		assert.Equal(t, without.Replace(text), without.Replace(strings.Join(lines, "")))
	})
}

func TestWrap(t *testing.T) {
	assert.Equal(t, []string{"one two", "three", "unbreaka", "ble x"}, show.Wrap("one two three  unbreakable x", 8))
	assert.Equal(t, []string{"a", "name", "with a", "kind"}, show.Wrap("a name"+show.Glue+"with"+show.Glue+"a"+show.Glue+"kind", 6))
	assert.Equal(t, []string{"日本", "語日", "本", "e\u0301e\u0301"}, show.Wrap("日本語日本 e\u0301e\u0301", 4))
	assert.Equal(t, []string{"日", "本"}, show.Wrap("日本", 1), "one character cannot be broken")
	assert.Equal(t, []string{"a", "b"}, show.Wrap("ab", 0))
	assert.Empty(t, show.Wrap("  ", 8))
	assert.Equal(t, []string{"one", "two three", "four"}, show.Wrap("one two"+show.Glue+"three\n four", 9))
}
