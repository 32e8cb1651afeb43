"""What channels say about a day, line by line: pulled night after night, kept as it was told, and read by those above.

statement 渠道流水/对账单, line 一笔流水, pull 取流水, finding 核对结果: what was found when
a line was laid beside our own payments.
"""
