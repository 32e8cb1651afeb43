"""Who is here, what they may do, what they did.

operator 操作员, session 会话, role 角色, permission 权限, audit record 审计记录. Roles: administrator 管理员,
supervisor 主管, operator 操作员, finance 财务.
"""
