"""The executor of docker-compose.yaml loads: a release of Celery has broken the provider before."""

from __future__ import annotations

from importlib import import_module

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_loader import ExecutorLoader


def test_the_celery_executor_loads_with_the_celery_that_is_locked() -> None:
    module, _, name = ExecutorLoader.executors["CeleryExecutor"].rpartition(".")
    assert issubclass(getattr(import_module(module), name), BaseExecutor)
