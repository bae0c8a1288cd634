package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// ask sends the query to the server that runs, and prints what it answers.
func ask(ctx context.Context, c config, output io.Writer) error {
	body, err := json.Marshal(map[string]string{"sql": c.sql})
	if err != nil {
		return err
	}
	address := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/query", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if len(c.Keys) > 0 {
		r.Header.Set("X-Api-Key", c.Keys[0])
	}
	resp, err := http.DefaultClient.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens on %s; start it with \"go run .\" in its directory, and give both the same -port", address)
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var found answer
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		return fmt.Errorf("what listens on %s is not altertable-local: status %d", address, resp.StatusCode)
	}
	if found.Error != nil {
		return errors.New(printable(found.Error.Message, "\n"))
	}
	return found.print(output)
}

// An answer is what the server says to a query. A cell is a JSON value.
type answer struct {
	Columns []struct {
		Name string `json:"name"`
	} `json:"columns"`
	Rows      [][]json.RawMessage `json:"rows"`
	Truncated bool                `json:"truncated"` // there are more rows
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// print writes the result as a table.
func (r *answer) print(output io.Writer) error {
	if len(r.Columns) == 2 && r.Columns[0].Name == "explain_key" && len(r.Rows) == 1 {
		_, err := io.WriteString(output, printable(display(r.Rows[0][1]), "\n"))
		return err
	}
	lines := make([][]string, 0, len(r.Rows)+1)
	var header []string
	for _, c := range r.Columns {
		header = append(header, printable(c.Name, ""))
	}
	lines = append(lines, header)
	for _, row := range r.Rows {
		var line []string
		for _, value := range row {
			line = append(line, printable(display(value), ""))
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(r.Columns))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for n, line := range lines {
		for i, text := range line {
			if i < len(line)-1 {
				text += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			}
			b.WriteString(text + separator(i, widths))
		}
		if n == 0 {
			for i, width := range widths {
				b.WriteString(strings.Repeat("-", width) + separator(i, widths))
			}
		}
	}
	plural := "s"
	if len(r.Rows) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "(%d row%s)\n", len(r.Rows), plural)
	if r.Truncated {
		b.WriteString("there are more rows than are shown\n")
	}
	_, err := io.WriteString(output, b.String())
	return err
}

func separator(i int, widths []int) string {
	if i == len(widths)-1 {
		return "\n"
	}
	return "  "
}

// display returns a cell's text: strings without quotes, other JSON as it is.
func display(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && string(value) != "null" {
		return text
	}
	return string(value)
}

// printable escapes what a terminal would take as a command. Whoever sends
// events chooses what is in them.
func printable(text, except string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) || strings.ContainsRune(except, r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
