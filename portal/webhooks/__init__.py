"""Addresses that other systems call. Each knows its callers by a token of their own."""
