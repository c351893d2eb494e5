"""The commands that `gdl-graphs` adds to `gdl`."""
