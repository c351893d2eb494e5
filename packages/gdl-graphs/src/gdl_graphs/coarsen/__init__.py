"""Coarser graphs, as Select, Reduce and Connect (Grattarola et al. 2022), and the way back."""
