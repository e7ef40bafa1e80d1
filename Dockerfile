# One image for Airflow, Spark, HDFS, Solr, ZooKeeper and the page: Spark's driver and executors must have the same
# Python and the same wheels, and the jars are those that the tests run, checked by their sha256.
FROM python:3.11.14-slim-bookworm

ARG DICOMDEX_UID=50000
ARG DICOMDEX_GID=50000
ENV PATH=/opt/dicomdex/.venv/bin:$PATH \
    JAVA_HOME=/usr/lib/jvm/java-17-openjdk-amd64 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ARROW_DEFAULT_MEMORY_POOL=system \
    DICOMDEX_JARS=/opt/dicomdex/jars

RUN apt-get update \
 && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/dicomdex
COPY .ci .ci
COPY pyproject.toml requirements.lock requirements-uv.lock README.md LICENSE ./
COPY include include
COPY plugins plugins
COPY dags dags
COPY compose compose
RUN UV_NO_CACHE=1 PYTHON=python3.11 .ci/install requirements.lock \
 && python -m dicomdex_local.image /opt/dicomdex

# Hadoop and Spark can't log in as a user without a name.
RUN groupadd --non-unique --gid "$DICOMDEX_GID" dicomdex \
 && useradd --non-unique --uid "$DICOMDEX_UID" --gid "$DICOMDEX_GID" --home-dir /tmp --no-create-home dicomdex

# A named volume takes owner and mode of the directory that it is first mounted on.
RUN for name in airflow catalog hdfs solr spark web work zookeeper; do \
      install -d -m 0700 -o "$DICOMDEX_UID" -g "$DICOMDEX_GID" "/var/lib/dicomdex/$name"; done

USER $DICOMDEX_UID:$DICOMDEX_GID
