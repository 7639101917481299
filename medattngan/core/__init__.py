"""What every room uses: configuration, files, runs, provenance, version, types."""
