"""The channels we pay through: what they are, who holds them, and the one window that speaks to them.

channel 渠道, channel account 渠道账号, setting version 渠道参数版本, claim 领取锁定, figures 渠道数据,
call 渠道调用, callback 回调, callback inbox 回调收件箱.
"""
