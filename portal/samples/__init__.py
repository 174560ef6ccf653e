"""Invented data for the style guide, by the part of the portal that its components belong to. No page uses it."""
