"""Encodings of where a node is: statistics ``graph -> [n, k]`` computed once, and modules that read them."""
