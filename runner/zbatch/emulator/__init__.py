"""A local Zuora: a pure tenant model under a thin web adapter."""
