package lsm

// Pushes is how many batches the buffer refers to.
func (b *Buffer) Pushes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pushes)
}
