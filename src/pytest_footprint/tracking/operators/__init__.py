"""What each operator does to memory, and where it was called."""
