"""What watches the service: alerts and dashboards as tables, from which tools/make_deploy.py makes the files."""
