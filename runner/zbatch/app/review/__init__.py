"""A plan before it is run: laid out, counted, estimated, compared, approved and frozen."""
