"""What people must be told 告警: one for each cause, until it is over or somebody has seen to it.

alert 告警, ring 响铃, hush 止铃, severity 级别, acknowledge 知道了.
"""
