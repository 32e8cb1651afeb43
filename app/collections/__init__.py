"""Money in. collected 收款: what a channel took in for us, posted to the ledger once for each account and day figure."""
