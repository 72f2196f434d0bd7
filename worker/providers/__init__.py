"""Payment providers: each a folder with the same file names, none knowing another."""
