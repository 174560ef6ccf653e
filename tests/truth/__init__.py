"""A table of what becomes of a request, and an oracle for it that knows the prose and not the product."""
