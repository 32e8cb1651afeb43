"""Bank cards bound to channel accounts. card 绑定卡, bind 绑定, holder 开户人, bank 开户行."""
