"""Any folders → one HTML page."""
