"""Pictures: hidden features of nodes in the plane, weights of attention on a drawing of the graph."""
