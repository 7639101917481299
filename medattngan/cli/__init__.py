"""The command line: parse, call one verb, print the path of what it wrote."""
