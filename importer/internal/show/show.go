// Package show writes numbers, sizes and names for people. What comes from data
// reaches a terminal through Text alone.
package show

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Count writes a number with commas: 1,234,567.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Counted writes a number and the noun for it, whose plural ends in s, or y in
// ies.
func Counted(n int64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "fy"): // identify
		return Count(n) + " " + strings.TrimSuffix(noun, "y") + "ies"
	case strings.HasSuffix(noun, "s"): // alias
		return Count(n) + " " + noun + "es"
	}
	return Count(n) + " " + noun + "s"
}

// Bytes writes a size: 17 bytes, 1.5 MB.
func Bytes(n int64) string {
	if n < 1000 {
		return Counted(n, "byte")
	}
	size, unit := float64(n), 0
	for size >= 999.5 && unit < 4 {
		size, unit = size/1000, unit+1
	}
	digits := 1
	if size >= 99.95 {
		digits = 0
	}
	return fmt.Sprintf("%.*f %s", digits, size, []string{"", "kB", "MB", "GB", "TB"}[unit])
}

// Share writes n of total as a percentage. Only none is 0, and only all is 100.
func Share(n, total int64) string {
	if total <= 0 || n == 0 {
		return "0 %"
	}
	if n == total {
		return "100 %"
	}
	percent := float64(n) * 100 / float64(total)
	if percent < 0.1 {
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", min(percent, 99.9))
}

// Seconds writes a duration: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min.
func Seconds(seconds float64) string {
	if math.IsNaN(seconds) || seconds < 0 {
		seconds = 0
	}
	if seconds < 10 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	whole := int64(min(seconds+0.5, 1e12))
	switch {
	case whole < 60:
		return fmt.Sprintf("%d s", whole)
	case whole < 3600:
		return fmt.Sprintf("%d min %d s", whole/60, whole%60)
	}
	return fmt.Sprintf("%s h %d min", Count(whole/3600), whole%3600/60)
}

// Time writes a time of microseconds since 1970, in UTC.
func Time(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05")
}

// Width is how many columns of a terminal the text takes.
func Width(text string) int { return uniseg.StringWidth(text) }

// Text makes text from elsewhere harmless, and cuts it to a number of columns. A
// character that a terminal could obey, or that changes the direction of
// writing, becomes a dot.
func Text(text string, columns int) string {
	var b strings.Builder
	// A character may have any number of marks, which take no columns.
	for left := 4*columns + 4; text != "" && left > 0; left-- {
		r, size := utf8.DecodeRuneInString(text)
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			r = '·'
		}
		b.WriteRune(r)
		text = text[size:]
	}
	clean := b.String()
	if text == "" && Width(clean) <= columns {
		return clean
	}
	b.Reset()
	width := 0
	for graphemes := uniseg.NewGraphemes(clean); graphemes.Next(); {
		width += graphemes.Width()
		if width > columns-1 {
			break
		}
		b.WriteString(graphemes.Str())
	}
	if columns < 1 {
		return ""
	}
	return b.String() + "…"
}

// Pad fills text with spaces on its right.
func Pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-Width(text)))
}

// Glue is a space at which Wrap does not break a line.
const Glue = "\u00a0"

// Wrap breaks text between words into lines of at most columns. A word that is
// longer than a line begins one, and is broken where that ends.
func Wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }) {
		word = strings.ReplaceAll(word, Glue, " ")
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) > columns:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
		for Width(line) > columns {
			first, rest := split(line, columns)
			if rest == "" {
				break // one character that is wider than the line
			}
			lines, line = append(lines, first), rest
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// split breaks text at a number of columns, or at the last space before that. The
// first part has at least one character.
func split(text string, columns int) (first, rest string) {
	width, end, space := 0, 0, 0
	for graphemes := uniseg.NewGraphemes(text); graphemes.Next(); {
		width += graphemes.Width()
		if graphemes.Str() == " " {
			space = end
		}
		if width > columns && end > 0 {
			break
		}
		_, end = graphemes.Positions()
	}
	if space > 0 {
		return text[:space], text[space+1:]
	}
	return text[:end], text[end:]
}
