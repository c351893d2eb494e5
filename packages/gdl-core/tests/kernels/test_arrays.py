"""Memory of results, and tensors as arrays."""

import numpy as np
import pytest
import torch
from gdl_core.kernels.arrays import empty, to_numpy


@pytest.mark.parametrize("rows", [0, 3, 1 << 17])  # the last is past the size from which huge pages are asked for
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32])
def test_room_has_the_shape_and_dtype_and_is_its_own(rows, dtype):
    one, two = empty(rows, 4, 4, dtype=dtype), empty(rows, 4, 4, dtype=dtype)
    assert one.shape == (rows, 4, 4) and one.dtype == dtype and one.is_contiguous()
    one.fill_(1), two.fill_(2)
    assert (one == 1).all() and (two == 2).all()


def test_large_room_begins_with_a_cache_line():
    assert empty(1 << 20, 2, dtype=torch.float32).data_ptr() % 64 == 0


def test_an_array_shares_memory_unless_something_has_to_change():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    assert to_numpy(x).ctypes.data == x.data_ptr() == to_numpy(x, torch.float32).ctypes.data
    assert to_numpy(x, torch.float64).dtype == np.float64
    turned = to_numpy(x.T)
    assert turned.flags.c_contiguous and turned.tolist() == [[0, 3], [1, 4], [2, 5]]
