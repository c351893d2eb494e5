"""Maps of each feature vector alone: nonlinearities and norms for any representation."""
