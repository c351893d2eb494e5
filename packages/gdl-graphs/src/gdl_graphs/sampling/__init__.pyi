from .batch import SampledBatch as SampledBatch
from .batch import sample as sample
from .batch import sizes_at_most as sizes_at_most
from .inference import layerwise_inference as layerwise_inference
from .loader import NeighbourLoader as NeighbourLoader
from .store import GraphStore as GraphStore
