"""One file a format: recognise, describe, load."""
