package cli

import "github.com/spf13/cobra"

func demoCommand(c *common) *cobra.Command {
	return &cobra.Command{Use: "demo"}
}
