"""The guard of layers that treat every channel alike."""

from gdl_core.representations import FieldType, as_type
from torch import nn


def scalar_type(value: FieldType | int, where: nn.Module) -> FieldType:
    """Return a field type whose channels no group element changes; raise TypeError for any other."""
    found = as_type(value)
    if not found.is_invariant:
        raise TypeError(
            f"{type(where).__name__} treats every channel alike, so it takes invariant channels, got {found!r}: typed "
            "fibres need layers that know the group, such as those of gdl-groups or gdl_core.derive."
        )
    return found
