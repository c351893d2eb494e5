"""From points to one vector per sample: sums, such as energies, and means."""

from gdl_core.geometry import Domain, Readout
from gdl_core.incidence import reduce
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_groups.geometric.checks import claims_of, points_of


class SumPool(Readout):
    """y[s] = Σ x[i] over the points i of sample s: what grows with the system, such as an energy (extensive).

    A field of any type is summed in its own type: a sum of vectors is a vector. A sample without points gives 0.

    Args:
        in_type: the type of the points, and of the result.

    Shapes: `[n, c] -> [b, c]`.

    Raises:
        TypeError: if called without `Points`, such as a `GeometricGraph`.

    Source: the book, §5.3; Zaheer et al. 2017.
    """

    mean = False

    def __init__(self, in_type: FieldType | int):
        super().__init__(in_type, in_type)
        self.claims = claims_of(self.in_type)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return reduce(points_of(x, domain, self).ptr, x, "mean" if self.mean else "sum")

    def extra_repr(self) -> str:
        return f"{self.in_type}"


class MeanPool(SumPool):
    """y[s] = mean of x[i] over the points i of sample s: what does not grow with the system (intensive).

    Otherwise as `SumPool`.

    Args:
        in_type: the type of the points, and of the result.

    Shapes: `[n, c] -> [b, c]`.

    Raises:
        TypeError: if called without `Points`, such as a `GeometricGraph`.
    """

    mean = True
