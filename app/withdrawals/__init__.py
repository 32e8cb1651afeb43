"""Money out. withdrawal 提现/代付, approve 审批, submit 提交, query 查询, observe 获知, hold 人工待办, return 退票,
forecast 预检.

The law of this room: a withdrawal is never paid twice and never lost (RELIABILITY I-1, I-2).
"""
