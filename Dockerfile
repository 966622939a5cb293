# The service and what it needs at run time: no compiler, no installer, no test, no user root.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
ENV UV_LINK_MODE=copy UV_NO_CACHE=1
# the installer, in an environment that stays here
COPY requirements ./requirements
RUN python -m venv /opt/installer && \
    /opt/installer/bin/python -m pip install --quiet --no-cache-dir --require-hashes -r requirements/bootstrap.txt
RUN python -m venv --without-pip /opt/market-data && \
    /opt/installer/bin/uv pip sync --quiet --python /opt/market-data/bin/python --require-hashes requirements/runtime.txt && \
    /opt/installer/bin/uv pip uninstall --quiet --python /opt/market-data/bin/python -r requirements/bootstrap.txt
COPY LICENSE README.md pyproject.toml ./
COPY db ./db
COPY src ./src
RUN PATH="/opt/installer/bin:$PATH" /opt/installer/bin/uv build --quiet --no-build-isolation \
      --python /opt/installer/bin/python --wheel --out-dir /build/dist . && \
    /opt/installer/bin/uv pip install --quiet --python /opt/market-data/bin/python --no-deps dist/*.whl && \
    /opt/installer/bin/uv pip check --quiet --python /opt/market-data/bin/python && \
    rm -f /opt/market-data/.lock && \
    find /opt/market-data -type d \( -name tests -o -name include \) -path '*/site-packages/*' -prune -exec rm -rf {} + && \
    /opt/market-data/bin/python -m compileall -q -j 0 /opt/market-data/lib

FROM ${PYTHON}
# its own installer is of no use to a service
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore setuptools wheel pip && \
    useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin market-data && \
    install -d -o market-data -g market-data /data
COPY --from=build /opt/market-data /opt/market-data
ENV PATH=/opt/market-data/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/data
WORKDIR /data
USER 10001:10001
EXPOSE 8001
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8001/health/live', timeout=4)"]
ENTRYPOINT ["market-data"]
CMD ["serve"]
