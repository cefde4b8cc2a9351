"""Many cameras on one machine: their settings, the store of their events, and who is told. No HTTP server in here."""
