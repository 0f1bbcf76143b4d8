package store

// Touch writes down the anchor of the clock though nothing else is to be written,
// and returns when it is on the disk.
func (s *Store) Touch() error {
	s.mu.Lock()
	if err := s.usable(); err != nil {
		s.mu.Unlock()
		return err
	}
	op := s.enqueue(&operation{})
	s.mu.Unlock()
	return <-op.done
}
