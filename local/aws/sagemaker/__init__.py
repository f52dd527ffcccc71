"""SageMaker: jobs and endpoints as real processes on this machine."""
