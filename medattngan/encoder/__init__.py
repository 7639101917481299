"""Train a contrastive encoder on a store's own training split (`medattngan encoder STORE`)."""

from medattngan.encoder.fit import embed, encoder, read_slices

__all__ = ["embed", "encoder", "read_slices"]
