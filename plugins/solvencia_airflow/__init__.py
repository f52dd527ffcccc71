"""What Solvencia adds to Airflow: defaults of every task, retry policy and a few operators."""
