from .geometric.graph import GeometricGraph as GeometricGraph
