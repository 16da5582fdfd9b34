from __future__ import annotations

import torch

from pytest_footprint.model.known_names import check_dtype


def test_every_dtype_of_this_torch_is_known_by_its_name() -> None:
    names = {str(each).removeprefix("torch.") for each in vars(torch).values() if isinstance(each, torch.dtype)}

    for name in names:
        check_dtype(name)
