"""Features of nodes as points of the plane, coloured by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from gdl_core.errors import GdlError
from torch import Tensor

from gdl_graphs.visual.figure import COLOURS, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("pca", "tsne")


def principal_plane(features: Tensor) -> Tensor:
    """Return ``float64[n, 2]``, the features on their two directions of largest variance (PCA).

    The sign of a direction is that which makes its largest loading positive, so the picture is the same everywhere.
    """
    centred = features.double() - features.double().mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    plane = torch.zeros(2, features.shape[1], dtype=torch.float64)
    plane[: len(directions[:2])] = directions[:2]
    largest = plane.gather(1, plane.abs().argmax(1, keepdim=True))
    return centred @ (plane * torch.where(largest < 0, -1.0, 1.0)).T


def project(features: Tensor, method: str = "pca", seed: int = 0) -> Tensor:
    """Return ``float64[n, 2]``: principal components, or t-SNE (van der Maaten, Hinton 2008) started from them.

    Raises:
        GdlError: for another method, or where scikit-learn, which t-SNE needs, is not installed.
    """
    if method not in METHODS:
        raise GdlError(f"Features are projected by {' or '.join(METHODS)}, got {method!r}.")
    if method == "pca":
        return principal_plane(features)
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise GdlError("t-SNE needs scikit-learn; install it with: pip install 'gdl-core[train]'") from error
    perplexity = min(30.0, max(1.0, (len(features) - 1) / 3))
    made = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(features.double().numpy())
    return torch.from_numpy(made).double()


def draw_classes(points: Tensor, labels: Tensor, names: Sequence[str], title: str = "") -> "Figure":
    """Draw points ``[n, 2]`` in the colour of their class; those of no class (below 0) are grey and underneath."""
    figure = empty_figure()
    panel = figure.subplots()
    for label in [-1, *range(len(names))]:
        mine = labels < 0 if label < 0 else labels == label
        if not bool(mine.any()):
            continue
        colour = "#cccccc" if label < 0 else COLOURS[label % len(COLOURS)]
        name = "no class" if label < 0 else names[label]
        panel.scatter(*points[mine].T.numpy(), s=14, color=colour, label=name, linewidths=0, alpha=0.8)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_title(title, fontsize=10)
    figure.legend(
        loc="outside lower center", ncols=max(1, min(4, len(names))), fontsize=8, frameon=False, markerscale=1.5
    )
    return figure
