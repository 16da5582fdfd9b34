"""Tensor memory and module structure of PyTorch code, as testable as return values."""
