"""What the scripts beside this share: each is run by `test_triton.py` in a process of its own.

Triton decides at import whether it interprets. `interpret` compares every kernel with its reference; `compile`
compiles every kernel to machine code for a GPU that need not be there.
"""

from collections.abc import Mapping
from typing import Any

import torch

INDICES = ("ptr", "index", "slot", "sender", "receiver", "places")


def assert_same(kernel, *arguments: object, rtol: float | None = None, atol: float | None = None) -> tuple:
    """Compare the Triton backend of `kernel` with its reference and return what the reference gives."""
    expected, got = kernel.reference(*arguments), kernel.backend("cuda")(*arguments)
    both = (expected, got) if isinstance(expected, tuple) else ((expected,), (got,))
    for one, two in zip(*both, strict=True):
        torch.testing.assert_close(two, one, rtol=rtol, atol=atol, equal_nan=True, msg=lambda text: f"{kernel}: {text}")
    return both[0]


def build(kernel, pointers: Mapping[Any, str], numbers: Mapping[Any, str], **constants: object) -> None:
    """Compile `kernel`: arguments of these names and types, `INDICES` are int32."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    kinds = {**dict.fromkeys(INDICES, "*i32"), **pointers, **numbers, **dict.fromkeys(constants, "constexpr")}
    signature = {name: kinds[name] for name in kernel.arg_names}
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    binary = compile(ASTSource(kernel, signature, places), target=GPUTarget("cuda", 90, 32))
    assert len(binary.asm["cubin"]) > 0
