"""Text that is burned into scans."""
