from tests.plugins import airflow_home as airflow_home  # sets Airflow's environment before anything imports Airflow
