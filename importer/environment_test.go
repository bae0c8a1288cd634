package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNameOfTarget(t *testing.T) {
	for baseURL, want := range map[string]string{
		"https://api.example.com/":                    "https://api.example.com",
		"https://ada:hunter2@api.example.com/a?key=b": "https://api.example.com/a",
		"https://api.example.com/%zz":                 "ALTERTABLE_BASE_URL",
	} {
		assert.Equal(t, want, (&target{baseURL: baseURL}).name())
	}
}
