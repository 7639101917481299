"""SliceStore → Run."""
