"""The web application: where the chat and the desk are mounted."""
