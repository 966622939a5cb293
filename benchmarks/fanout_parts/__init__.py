"""Parts of benchmarks/fanout.py: what is sent, who publishes it, the servers, the load, one measurement."""
