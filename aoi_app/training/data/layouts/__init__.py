"""Layouts of data sets on disk; one file each, found through the table in `table`."""
