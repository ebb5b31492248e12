"""The use cases; the only room that builds real objects."""
