"""The double-entry ledger. transfer 分录, hold/reserve 冻结资金, release 解冻, settle 结清, return 退票, balance 余额."""
