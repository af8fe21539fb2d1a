"""The record: inspections, defects and recipes in a database, their pictures in an archive beside it."""
