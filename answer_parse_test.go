package altertable

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseAnswer(t *testing.T) {
	for text, want := range map[string]answerFields{
		`{"ok":true,"task_id":"t1","error_code":null}`:                           {taskID: "t1"},
		`{"ok":false,"error_code":"environment-not-found"}`:                      {refused: true, code: "environment-not-found"},
		`{"error":"environment-not-found","message":"no","details":{}}`:          {code: "environment-not-found", message: "no"},
		`{"error":{"message":"Invalid API key","code":"AUTHENTICATION_ERROR"}}`:  {code: "AUTHENTICATION_ERROR", message: "Invalid API key"},
		`{"error_code":"c","message":"m"}`:                                       {code: "c", message: "m"},
		`{"ok":"false","error_code":7,"message":[],"error":null,"task_id":true}`: {},
		`[{"ok":false}]`: {}, `"text"`: {}, `null`: {}, ``: {}, `<html>`: {}, `{"ok":false`: {},
	} {
		assert.Equal(t, want, parseAnswer([]byte(text)), text)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		a := parseAnswer(text)
		var members map[string]any
		if json.Unmarshal(text, &members) != nil {
			require.Equal(t, answerFields{}, a)
		}
		ok, isBool := members["ok"].(bool)
		require.Equal(t, isBool && !ok, a.refused)
		if code, _ := members["error_code"].(string); code != "" {
			require.Equal(t, code, a.code)
		}
		require.LessOrEqual(t, len(a.code)+len(a.message)+len(a.taskID), 9*len(text), "U+FFFD takes three bytes")
	})
}

// Whatever is decoded, it is bounded, and what is JSON is left alone.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte, encoding string) {
		decoded := decode(text, []string{encoding})
		require.LessOrEqual(t, len(decoded), max(len(text), maxAnswerBytes))
		if json.Valid(text) {
			require.Equal(t, text, decoded)
		}
	})
}
