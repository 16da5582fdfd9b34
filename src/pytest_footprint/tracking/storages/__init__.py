"""What memory is held by: storages born, alive and labelled."""
