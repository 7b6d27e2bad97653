"""Staff: the web console, its logins and who may do what."""
