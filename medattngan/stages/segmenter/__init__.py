"""A segmentation network, the same wherever one is needed: to judge pairs, and to be helped by them."""
