"""What a slice can be asked for: labels and numbers, from a column of the store to the networks."""
