"""Sentences for users: spelling suggestions, and the exceptions that several folders raise."""

import difflib
from collections.abc import Iterable


class GdlError(Exception):
    """Base of the errors that the command line shows as one sentence, without a traceback."""


class UnknownNameError(GdlError, KeyError):
    """A name that no plugin, group or recipe provides; the message offers the closest ones."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would quote the sentence


class CheckpointError(GdlError, ValueError):
    """A checkpoint that cannot be read, or that another package version wrote."""


class DataError(GdlError, ValueError):
    """A data directory that lacks a file, or a file that is truncated or of another format."""


def closest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Return `` Did you mean 'a' or 'b'?`` for the names nearest to `name`, or an empty string.

    >>> closest("grids/conw", ["grids/conv", "grids/blur_pool"])
    " Did you mean 'grids/conv'?"
    """
    matches = difflib.get_close_matches(name, list(known), n=limit, cutoff=0.6)
    if not matches:
        return ""
    return " Did you mean " + " or ".join(repr(match) for match in matches) + "?"
