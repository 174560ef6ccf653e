"""Second factors of people: enrol, enter, remove, reset. Which act needs one is policies.factors' question."""
