"""Zuora's words on the wire, as pure functions that client and emulator share."""
