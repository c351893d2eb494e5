"""Points in space: the domain, radial functions, layers and networks on it."""
