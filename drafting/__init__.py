"""Draft a portfolio from a lender's file or table: what `make portfolio` calls."""
