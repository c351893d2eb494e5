"""Groups by name, their irreps and embeddings."""
