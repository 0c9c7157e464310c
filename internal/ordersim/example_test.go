package ordersim

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is the folder of the membership example, which has a copy of the
// schema.
const example = "../../examples/membership"

func TestExampleHasTheSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(example, "schema.mysql.sql"))
	require.NoError(t, err)
	require.Equal(t, Schema, string(text))
}
