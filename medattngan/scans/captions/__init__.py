"""What is said of each slice: from a table, from attributes, from region masks; and what must not be said."""
