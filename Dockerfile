# Two images: `--target model` is what SageMaker trains, evaluates and serves in; `--target airflow`
# is Airflow at MWAA parity with Solvencia's DAGs, for compose or Kubernetes.
# Each holds the hashed lock of its environment, and nothing that builds.
ARG PYTHON=python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c

FROM ${PYTHON} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv


FROM packages AS model-packages
COPY locks/model.txt /tmp/lock.txt
# pytest is in the lock for this repository's tests, pip only installs: neither runs here.
RUN /opt/venv/bin/python -m pip install --only-binary :all: --require-hashes --requirement /tmp/lock.txt \
    && /opt/venv/bin/python -m pip uninstall --yes pytest iniconfig pip \
    && find /opt/venv -type d -name tests -prune -exec rm -rf {} +


FROM ${PYTHON} AS model
# LightGBM's OpenMP. Debian keeps one version of it for a release, so a pin would break with each
# security update; the base image's digest bounds the release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home solvencia \
    && install --directory --owner=solvencia /opt/ml
COPY --from=model-packages /opt/venv /opt/venv
COPY include/solvencia /opt/solvencia/solvencia
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/solvencia PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1000
WORKDIR /home/solvencia
EXPOSE 8080
# SageMaker appends `train` or `serve`; it stops a container by SIGTERM, which the server drains on.
ENTRYPOINT ["python", "-m", "solvencia.container"]


FROM packages AS airflow-packages
COPY locks/airflow.txt /tmp/lock.txt
RUN /opt/venv/bin/python -m pip install --only-binary :all: --require-hashes --requirement /tmp/lock.txt \
    && /opt/venv/bin/python -m pip uninstall --yes pytest iniconfig pip


FROM ${PYTHON} AS airflow
RUN useradd --uid 50000 --create-home --home-dir /opt/airflow airflow
COPY --from=airflow-packages /opt/venv /opt/venv
COPY plugins /opt/airflow/plugins
COPY include/solvencia /opt/airflow/dags/solvencia
COPY expectations /opt/airflow/dags/expectations
COPY dags /opt/airflow/dags
RUN printf 'solvencia/\nexpectations/\n' >/opt/airflow/dags/.airflowignore
ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    PYTHONPATH=/opt/airflow/dags \
    PYTHONUNBUFFERED=1
USER 50000
WORKDIR /opt/airflow
EXPOSE 8080
# One image, each of Airflow's processes by its name: api-server, scheduler, dag-processor, triggerer.
ENTRYPOINT ["airflow"]
CMD ["version"]
