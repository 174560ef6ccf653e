"""Which address belongs to which view, one module an area."""
