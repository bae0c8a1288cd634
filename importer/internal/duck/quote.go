package duck

import "strings"

// Quote makes an SQL string of s, and Name the name of a table or a column.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func Name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
