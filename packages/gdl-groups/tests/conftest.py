"""Where the real data are."""

from gdl_core.testing.fixtures import shared_data

__all__ = ["shared_data"]
