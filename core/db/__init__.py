"""The database: tables, engine, migrations. SQL is the only truth, in both modes."""
