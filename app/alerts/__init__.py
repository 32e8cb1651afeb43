"""What people must be told 告警: one for each cause, until it is over or somebody has seen to it; and the robots
that pass it on.

alert 告警, ring 响铃, hush 止铃, severity 级别, acknowledge 知道了, hook 告警推送, message 推送消息, try 一次发送.
"""
