"""The handwritten digits that scikit-learn carries: real data without a download."""

from gdl_core.train.digits import split_digits

from gdl_grids.datasets.images import Arrays, Images


class Digits(Images):
    """1,797 handwritten digits of 8 x 8 pixels with 17 grey levels (Alpaydin, Kaynak 1998), from scikit-learn.

    One fifth of every class is the test set, by a fixed permutation. Needs the extra gdl-core[train].

    Args:
        shift, flip, boundary, pad: see `Images`.
    """

    size = (8, 8)
    levels = 16.0
    mean, std = (0.3052,), (0.3758,)
    classes = tuple("0123456789")

    def __init__(self, shift: int = 0, flip: bool = False, boundary: str = "periodic", pad: int = 0):
        super().__init__(None, shift, flip, boundary, pad)

    def arrays(self) -> tuple[Arrays, Arrays]:
        return split_digits()
