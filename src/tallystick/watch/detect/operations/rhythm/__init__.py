"""The rhythm of what comes again and again, and how rare a silence is."""
