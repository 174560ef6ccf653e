"""Pure functions from domain objects to rows of the components. No queries, no requests, no rules."""
