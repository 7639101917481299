"""One file a format: recognise, describe, load. One record of each in the table."""
