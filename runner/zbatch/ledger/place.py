"""What a ledger is called, for those who look for one without opening it."""

LEDGER_FILE = "ledger.sqlite3"
