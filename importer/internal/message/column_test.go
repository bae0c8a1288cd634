package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNumbersOfCSV(t *testing.T) {
	for text, want := range map[string]string{
		"5": `5`, "-0.50": `-0.50`, "999999999999999": `999999999999999`, "0.000000000000000001": `0.000000000000000001`, "true": `true`, "false": `false`, "0": `0`,
		"1000000000000000": `"1000000000000000"`, "1e3": `"1e3"`, "1E+3": `"1E+3"`, "5.1.2": `"5.1.2"`, "5-": `"5-"`,
		"": `""`, "007": `"007"`, "+5": `"+5"`, "5.": `"5."`, ".5": `".5"`, "1e400": `"1e400"`, "1e": `"1e"`, "1e+-3": `"1e+-3"`, "1e++3": `"1e++3"`,
		"NaN": `"NaN"`, "True": `"True"`, " 5": `" 5"`, "0x1p3": `"0x1p3"`, "1_000": `"1_000"`, "Infinity": `"Infinity"`, "-": `"-"`,
		"n/a": `"n/a"`, strings.Repeat("9", 400): `"` + strings.Repeat("9", 400) + `"`,
	} {
		r := track(cell{"numeric n", text})
		assert.Empty(t, r.Reason, text)
		assert.Equal(t, `{"n":`+want+`}`, bag(t, r), text)
		assert.Equal(t, `{"n":`+quote(text)+`}`, bag(t, track(cell{"n", text})), text)
	}
}
