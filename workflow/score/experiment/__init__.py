"""What a config asks for, and what is refused before any job starts."""
