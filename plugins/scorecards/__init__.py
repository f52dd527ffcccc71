"""The Scorecards view of Airflow's UI: server-rendered pages over SageMaker's registry and S3.

MWAA's web server has no DAG folder, so of ours this imports only the core's settings and layout,
which plugins.zip carries.
"""
