"""Text as people type it: cleaning, Arabic folding, dialect words, Arabizi, language, features."""
