package encode

import "time"

// Timestamp appends an instant in quotes, in UTC with milliseconds, or
// microseconds where they are not zero. The year is 1 to 9999.
func Timestamp(dst []byte, unixMicro int64) []byte {
	t := time.UnixMicro(unixMicro).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(append(dst, '"'), year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	micros := t.Nanosecond() / 1000
	if micros%1000 == 0 {
		dst = appendDigits(append(dst, '.'), micros/1000, 3)
	} else {
		dst = appendDigits(append(dst, '.'), micros, 6)
	}
	return append(dst, 'Z', '"')
}

// appendDigits appends n, zero-padded to width.
func appendDigits(dst []byte, n, width int) []byte {
	end := len(dst) + width
	dst = append(dst, "000000"[:width]...)
	for i := end - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	out, err := t.AppendText(append(dst, '"'))
	if err != nil {
		return dst, errTimeOutOfRange
	}
	return append(out, '"'), nil
}
