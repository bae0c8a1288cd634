package altertable

import (
	"encoding/json"
	"errors"
	"time"
)

var errEncodingTooLarge = errors.New("too large")

func appendString(dst []byte, s string) []byte {
	text, _ := json.Marshal(s)
	return append(dst, text...)
}

func appendMembers(dst []byte, m map[string]any, limit int) (out []byte, dollar bool, err error) {
	first := true
	for name, value := range m {
		text, err := json.Marshal(value)
		if err != nil {
			return dst, dollar, errors.New("holds a value that JSON cannot express")
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(dst, name)
		dst = append(append(dst, ':'), text...)
		dollar = dollar || len(name) > 0 && name[0] == '$'
		if len(dst) > limit {
			return dst, dollar, errEncodingTooLarge
		}
	}
	return dst, dollar, nil
}

func appendTimestamp(dst []byte, unixMicro int64) []byte {
	layout := `"2006-01-02T15:04:05.000Z"`
	if unixMicro%1000 != 0 {
		layout = `"2006-01-02T15:04:05.000000Z"`
	}
	return time.UnixMicro(unixMicro).UTC().AppendFormat(dst, layout)
}
