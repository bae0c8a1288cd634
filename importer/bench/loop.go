package main

import (
	"context"
	"encoding/csv"
	"errors"
	"os"

	altertable "github.com/altertable-ai/altertable-go"
)

// loop sends the first rows of a CSV file as one would at first: a call for each
// row, which waits for its answer.
func loop(ctx context.Context, url, path string, rows int) (err error) {
	client, err := altertable.New(key, altertable.WithBaseURL(url))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := csv.NewReader(file)
	header, err := in.Read()
	if err != nil {
		return err
	}
	for range rows {
		record, err := in.Read()
		if err != nil {
			return err
		}
		user := altertable.Identify{Traits: altertable.Traits{}}
		for i, name := range header {
			switch name {
			case "distinct_id":
				user.DistinctID = record[i]
			case "event", "timestamp":
			default:
				user.Traits[name] = record[i]
			}
		}
		if _, err := client.IdentifySync(ctx, user); err != nil {
			return err
		}
	}
	return nil
}
