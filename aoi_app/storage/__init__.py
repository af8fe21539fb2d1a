"""The record: database, migrations, image archive, history and export."""
