package survey

import (
	"fmt"
	"io"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A page is text of a width. It keeps the first error of writing.
type page struct {
	out   io.Writer
	width int
	err   error
}

func (p *page) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, strings.TrimRight(text, " "))
	}
}

func (p *page) heading(text string) {
	p.line("")
	if show.Width(text) <= p.width {
		p.line(text)
		return
	}
	p.paragraph("", "", text)
}

// paragraph writes text after a first and between further indents.
func (p *page) paragraph(first, indent, text string) {
	for _, line := range show.Wrap(text, p.width-max(len(indent), show.Width(first))) {
		p.line(first + line)
		first = indent
	}
}

// fact writes what something is, beside its name.
func (p *page) fact(name, text string) {
	p.paragraph("  "+show.Pad(name, 14), strings.Repeat(" ", 16), text)
}
