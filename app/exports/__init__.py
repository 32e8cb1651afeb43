"""Sheets that people take along 下载中心: asked for in a room above, written by its worker, kept sealed for seven days.

export 导出, download 下载, erase 清除. The room above says what is in a sheet; this one keeps it and hands it out.
"""
