package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// kernel is the machine's packet filter, through `nft`.
type kernel struct{}

// load gives the kernel a new table in one transaction: it is wholly the new one or wholly the old one.
func (kernel) load(ctx context.Context, script string) error {
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(script)
	if answer, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the kernel refuses the table, the old one stays: %w: %s", err, answer)
	}
	return nil
}

// read returns what the kernel has, without counters; nothing when it has no such table.
func (kernel) read(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "nft", "--stateless", "list", "table", "inet", table)
	answer, err := command.Output()
	var refused *exec.ExitError
	switch {
	case err == nil:
		return string(answer), nil
	case errors.As(err, &refused) && strings.Contains(string(refused.Stderr), "No such file or directory"):
		return "", nil
	case errors.As(err, &refused):
		return "", fmt.Errorf("the table cannot be read: %w: %s", err, refused.Stderr)
	default:
		return "", fmt.Errorf("nft does not run: %w", err)
	}
}
