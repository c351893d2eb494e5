"""Memory of large results that is used again."""

import gc
import threading

import numpy as np
import pytest
import torch
from gdl_core.kernels import memory, release_memory
from gdl_core.kernels.arrays import empty

MB = 1 << 20


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Counts from zero; other tests' tensors may still be in use."""
    for name, value in (("_RETURNED", type(memory._RETURNED)()), ("_KEPT", []), ("_IN_USE", 0), ("_PEAK", 0)):
        monkeypatch.setattr(memory, name, value)


def kept() -> int:
    with memory._LOCK:
        memory._take_back()
    return sum(raw.size for raw in memory._KEPT)


def test_memory_is_used_again_once_the_last_tensor_of_it_is_gone():
    first = empty(8 * MB, dtype=torch.float32)
    place, part = first.data_ptr(), first[:10].view(2, 5)
    del first
    second = empty(8 * MB, dtype=torch.float32)
    assert second.data_ptr() != place, "a view still has it"
    del part
    third = empty(8 * MB, dtype=torch.float32)
    assert third.data_ptr() == place
    del third
    fourth = empty(3 * MB, dtype=torch.float64)
    assert fourth.data_ptr() == place, "for another shape and dtype, if it fits"


def test_an_array_of_a_tensor_keeps_its_memory():
    array = empty(8 * MB, dtype=torch.float32).numpy()
    array[:] = 1
    other = empty(8 * MB, dtype=torch.float32).fill_(2)
    assert array.min() == 1 and other.max() == 2


def test_a_much_larger_block_is_not_spent_on_a_small_result():
    large = empty(64 * MB, dtype=torch.uint8)
    place = large.data_ptr()
    del large
    assert empty(8 * MB, dtype=torch.uint8).data_ptr() != place


def test_in_use_and_kept_are_never_more_than_was_in_use_at_once():
    """Sizes that never fit each other, one after the other: without the bound all would be kept."""
    for size in (5 * MB, 11 * MB, 23 * MB, 47 * MB, 95 * MB):
        empty(size, dtype=torch.uint8)
        assert kept() <= size + 64


def test_memory_that_the_system_refuses_is_not_counted(monkeypatch):
    """Else one request that was too large would lift the bound for good."""

    def refuse(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(memory.np, "empty", refuse)
        with pytest.raises(MemoryError):
            empty(1 << 40, dtype=torch.uint8)
    assert (memory._IN_USE, memory._PEAK) == (0, 0)
    empty(8 * MB, dtype=torch.uint8)
    assert kept() <= 8 * MB + 64


def test_release_gives_all_back():
    pair = [empty(8 * MB, dtype=torch.uint8) for _ in range(2)]
    pair.clear()
    assert release_memory() == 2 * (8 * MB + 64)
    assert kept() == 0 and release_memory() == 0


def test_results_that_reference_each_other_come_back_through_the_garbage_collector():
    class Node:
        pass

    node = Node()
    node.me, node.x = node, empty(8 * MB, dtype=torch.uint8)
    place = node.x.data_ptr()
    del node
    gc.collect()
    assert empty(8 * MB, dtype=torch.uint8).data_ptr() == place


def test_threads_never_share_a_block():
    wrong = []

    def work(mark: int) -> None:
        for _ in range(50):
            x = empty(5 * MB, dtype=torch.uint8)
            array = x.numpy()
            array[::4096] = mark
            if not (array[::4096] == mark).all():
                wrong.append(mark)
            del x, array

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert kept() <= 4 * (5 * MB + 64)


def test_a_second_result_faults_no_new_pages():
    """What this is for."""
    resource = pytest.importorskip("resource", reason="this system does not count page faults")
    empty(64 * MB, dtype=torch.uint8).fill_(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    empty(64 * MB, dtype=torch.uint8).fill_(2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 100


def test_room_is_an_array_of_bytes_at_a_cache_line():
    room = memory.lend(1000)
    assert room.dtype == np.uint8 and room.shape == (1000,) and room.ctypes.data % 64 == 0
