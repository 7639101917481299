"""Extractors: what turns slices into the features that distances are measured on."""
