"""What `MemTracker` asserts of functions that it runs itself, and what is needed to name the culprit."""
