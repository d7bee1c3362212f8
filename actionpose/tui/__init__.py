"""The terminal application: a few screens over one library and one live session."""
