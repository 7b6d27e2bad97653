"""Understanding: what a message means, in which language, and how near it is to another text."""
