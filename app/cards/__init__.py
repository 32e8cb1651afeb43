"""Bank cards bound to channel accounts, and payees that are no card.

card 绑定卡, payee 收款人, bind 绑定, register 登记, holder 开户人, bank 开户行.
"""
