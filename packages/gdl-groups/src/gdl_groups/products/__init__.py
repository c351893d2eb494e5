"""Products of features: tensor products, their convolutions, symmetric contractions."""
