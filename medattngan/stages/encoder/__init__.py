"""Train a contrastive encoder on a store's own training split."""
