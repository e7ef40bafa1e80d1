"""A whole site on one machine: Java, jars, Solr, Spark and Airflow, started and stopped from one directory."""
