"""Athena: Trino SQL, run by DuckDB over the objects of S3 and the tables of Glue."""
