"""Sheets that people upload: kept sealed, read, judged row by row, repaired only as they say, confirmed once.

upload 上传, block 数据块 (some hundred rows, sealed together), part 文件块, tally 统计, decision 处理决定. What rows mean is
the business of the room above: it names the columns, the index to compare by, and what a confirmed upload becomes.
"""
