"""Environments made by Terraform or OpenTofu: the real binary, Berth's own state backend, no secret left behind."""
