"""Menus 菜单管理: the tree at the left of every page, kept in the database. entry 菜单项, group 分组."""
