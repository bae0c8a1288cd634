package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What producers wrote is shown on terminals, which take some of it for commands.

// plain returns a text without what moves a terminal's cursor, or turns a line around.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
}

// brief is plain for a name, which may be long.
func brief(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return plain(name)
}

// An inert writer takes lines of JSON, whole, and writes the same JSON without what
// plain leaves out: beyond ASCII's control characters, JSON allows all of it.
type inert struct{ to io.Writer }

func (w inert) Write(line []byte) (int, error) {
	if escaped := escape(line); escaped != "" {
		_, err := io.WriteString(w.to, escaped)
		return len(line), err
	}
	return w.to.Write(line)
}

// escape returns "" if there is nothing to escape.
func escape(line []byte) string {
	var text strings.Builder
	done := 0
	for i := 0; i < len(line); {
		r, size := rune(line[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(line[i:])
		}
		const planes = 0xffff // beyond it are no commands
		if r >= 0x7f && r <= planes && !unicode.IsPrint(r) {
			text.Write(line[done:i])
			fmt.Fprintf(&text, `\u%04x`, r)
			done = i + size
		}
		i += size
	}
	if done == 0 {
		return ""
	}
	text.Write(line[done:])
	return text.String()
}
