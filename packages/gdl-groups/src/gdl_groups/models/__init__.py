"""Networks by name, for recipes."""
