"""The dashboard: rendered here, readable without a script, for whoever is on call."""
