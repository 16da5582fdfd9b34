"""Loads what pytester's in-process runs would otherwise load, drop and crash on when they load it again."""

import hypothesis
import torch._dynamo

pytest_plugins = ["pytester"]
__all__ = ["hypothesis", "torch"]
