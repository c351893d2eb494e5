"""Image data: readers of IDX (MNIST, Fashion-MNIST), CIFAR-10, NPZ, and the digits that scikit-learn carries."""

from gdl_grids.datasets.cifar import CIFAR10
from gdl_grids.datasets.digits import Digits
from gdl_grids.datasets.idx import IDX, MNIST, FashionMNIST, read_idx
from gdl_grids.datasets.images import Images, find_file
from gdl_grids.datasets.npz import NPZ

__all__ = ["CIFAR10", "IDX", "MNIST", "NPZ", "Digits", "FashionMNIST", "Images", "find_file", "read_idx"]
