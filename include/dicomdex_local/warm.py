"""Airflow's scheduler with the rules imported before it forks its workers: each task saves 2 s of CPU for imports."""

import runpy

import dicomdex.steps
import dicomdex.validate_step  # noqa: F401

if __name__ == "__main__":
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
