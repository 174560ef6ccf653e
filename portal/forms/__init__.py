"""Posted forms as typed requests, and back again with errors under their fields. Rules live below the portal."""
