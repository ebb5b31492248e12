"""The durable truth: one SQLite file for each tenant."""
