"""Solvencia's core: credit-scoring rules shared by Airflow, Lambda and SageMaker."""
