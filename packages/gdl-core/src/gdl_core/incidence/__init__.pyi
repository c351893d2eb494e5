from .incidence import Incidence as Incidence
from .neighbour_search import Neighbours as Neighbours
from .neighbour_search import neighbours as neighbours
from .operations import aggregate as aggregate
from .operations import edge_dot as edge_dot
from .operations import gather as gather
from .operations import reduce as reduce
from .operations import segment_softmax as segment_softmax
