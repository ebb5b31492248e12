"""The JSON Schemas that say what a spec, a tenants file and a report may hold."""
