"""The whole way, on pseudo-patients."""
