"""The words and records of torch's own trackers."""
