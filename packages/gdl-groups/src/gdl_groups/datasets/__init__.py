"""Real data and simulated ones."""
