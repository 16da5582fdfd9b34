"""What FSDP and DDP do to memory, ranks that meet, and a world without a cluster."""
