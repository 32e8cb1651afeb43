"""What `child.py` parses with: one file for each format, all giving a `shape.Table`. Nothing here may import `app`."""
