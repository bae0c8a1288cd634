package drain

// CodeOf returns the code of the dead letter of an event that was refused with err.
func CodeOf(err error) string {
	code, _, _ := reasonFor(err)
	return code
}
