"""Money in: what a channel took in for us, posted to the ledger once for each account and day figure, and what people enter
where a channel does not say.

collected 收款, top-up 充值入账, opening 期初, enter 记入, reversal 冲正.
"""
