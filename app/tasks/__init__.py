"""The day's work of one person: what they hold, what waits there, and how it passes to the next.

task 渠道任务, hand-over 交接 (交接单), brief 交接简报, successor 接收人, to sign 接收确认.
"""
