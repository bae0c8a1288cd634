package server

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const forgetfulVariable = "ALTERTABLE_LOCAL_FORGETFUL"

// forgetful makes the test binary a program that starts a server and does not
// call Engine.
func forgetful() {
	if os.Getenv(forgetfulVariable) == "" {
		return
	}
	_, err := Start(Config{})
	fmt.Print(err)
	os.Exit(0)
}

// A program that never becomes an engine would start itself again and again.
func TestProgramThatDoesNotCallEngine(t *testing.T) {
	for name, environment := range map[string][]string{
		"itself":                 {forgetfulVariable + "=1"},
		"as an engine of itself": {forgetfulVariable + "=1", engineVariable + "=1"},
	} {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), environment...)
		said, err := command.Output()
		require.NoError(t, err, name)
		assert.Equal(t, ErrNoEngine.Error(), string(said), name)
	}
}
