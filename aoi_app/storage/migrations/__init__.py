"""Steps from one shape of the record to the next. A released step is never changed."""
