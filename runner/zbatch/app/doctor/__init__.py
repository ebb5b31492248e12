"""Look at all that a run needs before it can bill; nothing is made in the tenant."""
