"""Intervals, bootstrap and ROC curves, for whoever needs them."""
