"""The double-entry ledger. transfer 分录, collect 收款, hold/reserve 冻结资金, in flight 在途冻结, release 解冻, settle 结清,
fee 手续费, return 退票, balance 余额, available 可用.
"""
